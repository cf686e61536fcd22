/* The stack-like fields of the one PyThreadState, saved and restored when the C stack is switched. Only the fields
 * that describe *where* the thread is are swapped; everything else (threading.local, the running event loop, trace and
 * profile functions) stays shared, so that a request that waits in run_sync and the one that runs meanwhile see the
 * same thread. That a trace function is running is shared too: while a debugger's prompt waits, it opens no second one.
 *
 * These fields change with every minor version of CPython, and the header alone does not say what they are for: a new
 * version is added here by reading what its generators, its evaluation loop and the greenlet package do with them. What
 * is known of each is checked at compile time below. */
#include <Python.h>

#if PY_VERSION_HEX < 0x030C0000 || PY_VERSION_HEX >= 0x030F0000
#error "hognose's stack switching knows the thread state of CPython 3.12, 3.13 and 3.14"
#endif
#if PY_VERSION_HEX >= 0x030E0000 && PY_VERSION_HEX < 0x030E0100
#error "CPython 3.14.0 cannot be told of another C stack: take 3.14.1 or newer"
#endif
#ifdef Py_GIL_DISABLED
#error "hognose's stack switching does not know free-threaded CPython"
#endif

/* From 3.14 on, C recursion is limited by the address of the stack pointer; before, by counting calls. */
#define C_STACK_BY_ADDRESS (PY_VERSION_HEX >= 0x030E0000)

#define HAS_TYPE(field, type) \
    _Static_assert(_Generic(((PyThreadState *)0)->field, type: 1, default: 0), #field " is no longer " #type)

HAS_TYPE(datastack_chunk, _PyStackChunk *);
HAS_TYPE(datastack_top, PyObject **);
HAS_TYPE(datastack_limit, PyObject **);
HAS_TYPE(exc_info, _PyErr_StackItem *);
HAS_TYPE(exc_state, _PyErr_StackItem);
HAS_TYPE(context, PyObject *);
HAS_TYPE(context_ver, uint64_t);
HAS_TYPE(py_recursion_remaining, int);
HAS_TYPE(py_recursion_limit, int);
#if PY_VERSION_HEX >= 0x030D0000
HAS_TYPE(current_frame, struct _PyInterpreterFrame *);
HAS_TYPE(delete_later, PyObject *);
#else
HAS_TYPE(cframe, _PyCFrame *);
HAS_TYPE(trash, struct _py_trashcan);
#endif
#if PY_VERSION_HEX >= 0x030E0000
HAS_TYPE(current_executor, PyObject *);
#elif PY_VERSION_HEX >= 0x030D0000
HAS_TYPE(previous_executor, PyObject *);
#endif
#if !C_STACK_BY_ADDRESS
HAS_TYPE(c_recursion_remaining, int);
#endif

typedef struct {
#if PY_VERSION_HEX >= 0x030D0000
    struct _PyInterpreterFrame *frame;
    PyObject *delete_later;
    PyObject *executor; /* the just-in-time compiled trace that runs */
#else
    _PyCFrame *cframe;
    _PyCFrame root; /* what a fresh stack's frames hang from */
    struct _py_trashcan trash;
#endif
#if C_STACK_BY_ADDRESS
    void *c_stack; /* its lowest address; NULL: the thread's own stack, which CPython knows */
    size_t c_stack_bytes;
#else
    int c_recursion;
#endif
    _PyStackChunk *chunk;
    PyObject **top, **limit;
    _PyErr_StackItem *exc_info;
    _PyErr_StackItem exc_state;
    PyObject *context;
    int py_depth; /* as a depth, since sys.setrecursionlimit may change the limit meanwhile */
} PyStack;

size_t hognose_pystack_size(void) { return sizeof(PyStack); }

void hognose_pystack_save(PyStack *s) {
    PyThreadState *t = PyThreadState_Get();
#if PY_VERSION_HEX >= 0x030D0000
    s->frame = t->current_frame;
    s->delete_later = t->delete_later;
#else
    s->cframe = t->cframe;
    s->trash = t->trash;
#endif
#if PY_VERSION_HEX >= 0x030E0000
    s->executor = t->current_executor;
#elif PY_VERSION_HEX >= 0x030D0000
    s->executor = t->previous_executor;
#endif
#if !C_STACK_BY_ADDRESS
    s->c_recursion = t->c_recursion_remaining;
#endif
    s->chunk = t->datastack_chunk;
    s->top = t->datastack_top;
    s->limit = t->datastack_limit;
    s->exc_info = t->exc_info;
    s->exc_state = t->exc_state;
    s->context = t->context;
    s->py_depth = t->py_recursion_limit - t->py_recursion_remaining;
}

/* Says that the state was saved on a stack of our own: c_stack is its lowest address. */
void hognose_pystack_place(PyStack *s, void *c_stack, size_t c_stack_bytes) {
#if C_STACK_BY_ADDRESS
    s->c_stack = c_stack;
    s->c_stack_bytes = c_stack_bytes;
#else
    (void)s, (void)c_stack, (void)c_stack_bytes;
#endif
}

void hognose_pystack_restore(PyStack *s) {
    PyThreadState *t = PyThreadState_Get();
#if PY_VERSION_HEX >= 0x030D0000
    t->current_frame = s->frame;
    t->delete_later = s->delete_later;
#else
    t->cframe = s->cframe;
    t->trash = s->trash;
#endif
#if PY_VERSION_HEX >= 0x030E0000
    t->current_executor = s->executor;
#elif PY_VERSION_HEX >= 0x030D0000
    t->previous_executor = s->executor;
#endif
#if C_STACK_BY_ADDRESS
    if (s->c_stack == NULL)
        PyUnstable_ThreadState_ResetStackProtection(t);
    else
        /* Fails for stacks of less than 192 KiB only. */
        PyUnstable_ThreadState_SetStackProtection(t, s->c_stack, s->c_stack_bytes);
#else
    t->c_recursion_remaining = s->c_recursion;
#endif
    t->datastack_chunk = s->chunk;
    t->datastack_top = s->top;
    t->datastack_limit = s->limit;
    t->exc_info = s->exc_info;
    t->exc_state = s->exc_state;
    t->context = s->context;
    t->context_ver++;
    t->py_recursion_remaining = t->py_recursion_limit - s->py_depth;
}

/* Makes *s the state of a stack on which nothing has run yet: c_stack is its lowest address, and where CPython counts
 * it has room for c_recursion levels of C recursion. Its context starts as a copy of the current one. 0: done, -1: a
 * Python exception is set. */
int hognose_pystack_fresh(PyStack *s, void *c_stack, size_t c_stack_bytes, int c_recursion) {
    PyThreadState *t = PyThreadState_Get();
    PyObject *context = PyContext_CopyCurrent();
    if (context == NULL) return -1;
    memset(s, 0, sizeof *s);
#if PY_VERSION_HEX < 0x030D0000
    s->cframe = &s->root;
#endif
#if C_STACK_BY_ADDRESS
    (void)c_recursion;
    s->c_stack = c_stack;
    s->c_stack_bytes = c_stack_bytes;
#else
    (void)c_stack, (void)c_stack_bytes;
    s->c_recursion = c_recursion;
#endif
    s->exc_info = &t->exc_state; /* the bottom entry is the thread's own; its content is saved with us */
    s->context = context;
    return 0;
}

/* Frees what a finished stack still owns. Its state must not be current. */
void hognose_pystack_free(PyStack *s) {
    PyObjectArenaAllocator arena;
    PyObject_GetArenaAllocator(&arena);
    for (_PyStackChunk *chunk = s->chunk; chunk != NULL;) {
        _PyStackChunk *previous = chunk->previous;
        arena.free(arena.ctx, chunk, chunk->size);
        chunk = previous;
    }
    s->chunk = NULL;
    Py_CLEAR(s->context);
}
