/* The tiny program: the agent's modules and an interpreter that knows nothing else.
 *
 * The interpreter reads no environment, no file and no path: everything it imports is in inittab below or in the frozen
 * table of frozen.c. What it would work out about paths at its start is not worked out at all.
 */
#include <Python.h>
#include <malloc.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

/* -- one small module of our own ------------------------------------------------------------------------------------- */

static PyObject *tiny_mlockall(PyObject *self, PyObject *flags) {
    long value = PyLong_AsLong(flags);
    if (value == -1 && PyErr_Occurred())
        return NULL;
    return PyLong_FromLong(mlockall((int)value) == 0 ? 0 : errno);
}

static PyObject *tiny_register_codec(PyObject *self, PyObject *search) {
    return PyCodec_Register(search) < 0 ? NULL : Py_NewRef(Py_None);
}

static PyMethodDef tiny_methods[] = {
    {"mlockall", tiny_mlockall, METH_O, NULL},
    {"register_codec", tiny_register_codec, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef tiny_module = {PyModuleDef_HEAD_INIT, "_tiny", NULL, 0, tiny_methods, NULL, NULL, NULL, NULL};

static PyObject *PyInit__tiny(void) {
    return PyModuleDef_Init(&tiny_module);
}

/* -- what there is, in place of CPython's config.c -------------------------------------------------------------------- */

#define MODULES(each) \
    each(_imp) each(_signal) each(_socket) each(_struct) each(binascii) each(posix) each(select) each(time) each(zlib)

#define DECLARE(name) extern PyObject *PyInit_##name(void);
MODULES(DECLARE)

#define ENTRY(name) {#name, PyInit_##name},
struct _inittab _PyImport_Inittab[] = {
    {"builtins", NULL}, {"sys", NULL}, {"_tiny", PyInit__tiny}, MODULES(ENTRY) {NULL, NULL}};

/* -- in place of getpath.c, which runs a Python program to find the standard library ------------------------------------ */

PyStatus _PyConfig_InitPathConfig(PyConfig *config, int compute_path_config) {
    return PyStatus_Ok();
}

/* -- */

static void check(PyStatus status) {
    if (PyStatus_Exception(status))
        Py_ExitStatusException(status);
}

static void start(int argc, char **argv) {
    PyPreConfig early;
    PyPreConfig_InitIsolatedConfig(&early);
    early.utf8_mode = 1; /* whatever the language of the init script */
    early.configure_locale = 0;
    early.coerce_c_locale = 0;
    check(Py_PreInitialize(&early));
    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    config.parse_argv = 0;
    config.site_import = 0;
    config.write_bytecode = 0;
    config.use_frozen_modules = 1;
    config.optimization_level = 2;
    config.install_signal_handlers = 1; /* a closed pipe is an error, not the end */
    config.pathconfig_warnings = 0;
    config.code_debug_ranges = 0;
    config.module_search_paths_set = 1;
    check(PyConfig_SetBytesArgv(&config, argc, argv));
    check(PyConfig_SetString(&config, &config.program_name, L"lastgasp-agent"));
    check(PyConfig_SetString(&config, &config.executable, L""));
    check(PyConfig_SetString(&config, &config.base_executable, L""));
    check(PyConfig_SetString(&config, &config.prefix, L"/usr"));
    check(PyConfig_SetString(&config, &config.base_prefix, L"/usr"));
    check(PyConfig_SetString(&config, &config.exec_prefix, L"/usr"));
    check(PyConfig_SetString(&config, &config.base_exec_prefix, L"/usr"));
    check(PyConfig_SetString(&config, &config.stdlib_dir, L"/"));
    check(Py_InitializeFromConfig(&config));
    PyConfig_Clear(&config);
}

int main(int argc, char **argv) {
#ifdef __GLIBC__
    /* One small thread never fills these again: 260 kB. As GLIBC_TUNABLES, which would take an exec. */
    mallopt(M_MXFAST, 0);
    mallopt(M_TRIM_THRESHOLD, 16384);
    mallopt(M_TOP_PAD, 4096);
#endif
    start(argc, argv);
    int status = 1, interrupted = 0;
    PyObject *module = PyImport_ImportModule("start");
    PyObject *result = module ? PyObject_CallMethod(module, "main", NULL) : NULL;
    if (result) {
        status = (int)PyLong_AsLong(result);
    } else {
        interrupted = PyErr_ExceptionMatches(PyExc_KeyboardInterrupt);
        PyErr_Print(); /* ends the program at a SystemExit */
    }
    if (Py_FinalizeEx() < 0)
        status = 120;
    if (interrupted) {
        signal(SIGINT, SIG_DFL);
        kill(getpid(), SIGINT);
    }
    return status;
}
