/* A program with a Python in it: runs the code that is its first argument, in
   a thread of its own where there is a second one.

   What it calls is declared here, so that it needs no headers: these functions
   are in the stable ABI, or have been as they are since 2.x. */

#include <pthread.h>
#include <stddef.h>

extern void Py_InitializeEx(int);
extern int PyRun_SimpleString(const char *);
extern void *PyEval_SaveThread(void);
extern int PyGILState_Ensure(void);
extern void PyGILState_Release(int);

static void *run(void *code)
{
    int state = PyGILState_Ensure();
    PyRun_SimpleString(code);
    PyGILState_Release(state);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t thread;

    Py_InitializeEx(0);
    if (argc == 2)
        return PyRun_SimpleString(argv[1]);
    PyEval_SaveThread();
    pthread_create(&thread, NULL, run, argv[1]);
    pthread_join(thread, NULL);
    return 0;
}
