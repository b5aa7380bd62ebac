/* Linked into the agent's program by --wrap: start lean, and as an agent and not as an interpreter.
 *
 * - main: for "run" start over once with malloc's caches off, before Python is there
 * - Py_InitializeFromConfig: isolated, without site, with CPython's frozen modules, which Nuitka turns off
 *   and without the package importlib
 * - patchInspectModule: Nuitka's run time imports "inspect", with ast, dis, re and tokenize, only to patch it
 */
#include <Python.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int __real_main(int argc, char **argv);
PyStatus __real_Py_InitializeFromConfig(const PyConfig *config);

/* glibc keeps freed memory in caches that one small thread never fills again (200 kB), and at the end of the heap
 * (60 kB). The setting is read before main(), so it takes an exec. */
static const char tunables[] =
    "glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0:glibc.malloc.trim_threshold=16384:glibc.malloc.top_pad=4096";

static void tune_malloc(char **argv) {
    static char value[1024];
    const char *given = getenv("GLIBC_TUNABLES");
    if (given && strstr(given, "glibc.malloc.tcache_count"))
        return;
    int length = snprintf(value, sizeof value, "%s%s%s", tunables, given && *given ? ":" : "", given ? given : "");
    if (length < 0 || (size_t)length >= sizeof value || setenv("GLIBC_TUNABLES", value, 1))
        return;
    execv("/proc/self/exe", argv); /* without /proc: as it is, then */
}

int __wrap_main(int argc, char **argv) {
#ifdef __GLIBC__
    if (argc > 1 && strcmp(argv[1], "run") == 0)
        tune_malloc(argv);
#endif
    return __real_main(argc, argv);
}

void __wrap_patchInspectModule(PyThreadState *tstate) { (void)tstate; }

extern const struct _frozen lastgasp_frozen[]; /* of frozen.py */

PyStatus __wrap_Py_InitializeFromConfig(PyConfig *config) {
    PyImport_FrozenModules = lastgasp_frozen;
    /* The library's .pyc files are those of level 0; with another one "encodings" is compiled anew (900 kB). */
    config->optimization_level = 0;
    config->isolated = 1;
    config->use_environment = 0;
    config->user_site_directory = 0;
    config->site_import = 0;
    config->safe_path = 1;
    config->use_frozen_modules = 1;
    config->write_bytecode = 0;
    config->install_signal_handlers = 0;
    config->pathconfig_warnings = 0;
    config->code_debug_ranges = 0;
    PyStatus status = __real_Py_InitializeFromConfig(config);
    if (!PyStatus_Exception(status)) {
        /* The names by which Nuitka's run time wants it; else that would load importlib and warnings. */
        PyObject *modules = PyImport_GetModuleDict();
        PyObject *bootstrap = PyDict_GetItemString(modules, "_frozen_importlib");
        if (bootstrap) {
            PyDict_SetItemString(modules, "importlib", bootstrap);
            PyDict_SetItemString(modules, "importlib._bootstrap", bootstrap);
        }
    }
    return status;
}
