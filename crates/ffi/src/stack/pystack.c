/* The stack-like fields of the one PyThreadState, saved and restored when the C stack is switched. Only the fields
 * that describe *where* the thread is are swapped; everything else (threading.local, the running event loop, the
 * dict of the thread) stays shared, so that a request that waits in run_sync and the one that runs meanwhile see the
 * same thread. These fields change with every minor version of CPython; each is checked here at compile time. */
#include <Python.h>

#if PY_VERSION_HEX < 0x030C0000 || PY_VERSION_HEX >= 0x030E0000
#error "hognose's stack switching knows the thread state of CPython 3.12 and 3.13"
#endif

typedef struct {
#if PY_VERSION_HEX >= 0x030D0000
    struct _PyInterpreterFrame *frame;
    PyObject *delete_later;
#else
    _PyCFrame *cframe;
    _PyCFrame root; /* what a fresh stack's frames hang from */
    struct _py_trashcan trash;
#endif
    _PyStackChunk *chunk;
    PyObject **top, **limit;
    _PyErr_StackItem *exc_info;
    _PyErr_StackItem exc_state;
    PyObject *context;
    int py_recursion, c_recursion;
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
    s->chunk = t->datastack_chunk;
    s->top = t->datastack_top;
    s->limit = t->datastack_limit;
    s->exc_info = t->exc_info;
    s->exc_state = t->exc_state;
    s->context = t->context;
    s->py_recursion = t->py_recursion_remaining;
    s->c_recursion = t->c_recursion_remaining;
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
    t->datastack_chunk = s->chunk;
    t->datastack_top = s->top;
    t->datastack_limit = s->limit;
    t->exc_info = s->exc_info;
    t->exc_state = s->exc_state;
    t->context = s->context;
    t->context_ver++;
    t->py_recursion_remaining = s->py_recursion;
    t->c_recursion_remaining = s->c_recursion;
}

/* Makes *s the state of a stack on which nothing has run yet, with room for c_recursion levels of C recursion. Its
 * context starts as a copy of the current one. 0: done, -1: a Python exception is set. */
int hognose_pystack_fresh(PyStack *s, int c_recursion) {
    PyThreadState *t = PyThreadState_Get();
    PyObject *context = PyContext_CopyCurrent();
    if (context == NULL) return -1;
    memset(s, 0, sizeof *s);
#if PY_VERSION_HEX < 0x030D0000
    s->cframe = &s->root;
#endif
    s->exc_info = &t->exc_state; /* the bottom entry is the thread's own; its content is saved with us */
    s->context = context;
    s->py_recursion = t->py_recursion_limit;
    s->c_recursion = c_recursion;
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
