/* What the tiny program never calls, so that the linker leaves out all that lies behind it.
 *
 * These stand before libpython and libc on the linker's line, and the first definition is the one that counts. The
 * interpreter without a parser, a compiler, an _io and a faulthandler: 500 kB. libc without its resolver, its name
 * services and users: 250 kB. Whoever calls one of them is told so by SystemError, or an error of the system.
 */
#include <errno.h>
#include <stddef.h>

#define ABSENT(name) \
    void *name(void) { \
        errno = ENOSYS; \
        return NULL; \
    }
#define FAILS(name, value) \
    int name(void) { \
        errno = ENOSYS; \
        return value; \
    }

/* Sources to syntax trees to code: all modules are frozen. */
ABSENT(_PyParser_ASTFromFile)
ABSENT(_PyParser_ASTFromString)
ABSENT(_PyParser_InteractiveASTFromFile)
ABSENT(_PyPegen_run_parser_from_string)
ABSENT(_PyAST_Compile)
ABSENT(_PyAST_Fini)
ABSENT(_PyCompile_AstOptimize)
ABSENT(_PyCompile_AstPreprocess)
ABSENT(PyAST_Check)
ABSENT(PyAST_mod2obj)
ABSENT(PyAST_obj2mod)
ABSENT(_Py_SymtableStringObjectFlags)
ABSENT(_PyFaulthandler_Fini)
ABSENT(_Py_Offer_Suggestions)
ABSENT(_PyTokenizer_FindEncodingFilename)
ABSENT(PyOS_Readline)
/* Python 3.11's _io: io.py stands in for it. */
ABSENT(_PyIO_Fini)

/* Names of hosts, services, users and groups: the agent has none. */
FAILS(getaddrinfo, -4)
FAILS(getnameinfo, -4)
ABSENT(freeaddrinfo)
ABSENT(gai_strerror)
FAILS(gethostbyname_r, ENOSYS)
FAILS(gethostbyaddr_r, ENOSYS)
ABSENT(gethostbyname)
ABSENT(gethostbyaddr)
ABSENT(getservbyname)
ABSENT(getservbyport)
ABSENT(getprotobyname)
ABSENT(hstrerror)
ABSENT(if_nameindex)
ABSENT(if_freenameindex)
FAILS(initgroups, -1)
FAILS(getgrouplist, -1)
ABSENT(getlogin)
FAILS(getlogin_r, ENOSYS)
ABSENT(getpwnam)
ABSENT(getpwuid)
