/* Whether Python reads an attribute only to call it, as `x.name(...)` does. CPython compiles that to an instruction of its
 * own, a LOAD_ATTR whose lowest bit is set: what it gives goes to the CALL that follows and is never seen by anybody else.
 * So one look at the instruction that runs tells what `tp_getattro` is not told. Anything unusual (no frame, a debugger's
 * own instructions) means no, which is always right. */
#define Py_BUILD_CORE 1
#include <Python.h>
#include <opcode.h>
#include <stdbool.h>
#if PY_VERSION_HEX >= 0x030E0000
#include "internal/pycore_interpframe.h"
#else
#include "internal/pycore_frame.h"
#endif

static struct _PyInterpreterFrame *current_frame(void) {
#if PY_VERSION_HEX >= 0x030D0000
    return PyThreadState_GetUnchecked()->current_frame;
#else
    return _PyThreadState_UncheckedGet()->cframe->current_frame;
#endif
}

static PyObject *code_of(struct _PyInterpreterFrame *frame) {
#if PY_VERSION_HEX >= 0x030E0000
    return PyStackRef_AsPyObjectBorrow(frame->f_executable);
#elif PY_VERSION_HEX >= 0x030D0000
    return frame->f_executable;
#else
    return (PyObject *)frame->f_code;
#endif
}

static _Py_CODEUNIT *instruction_of(struct _PyInterpreterFrame *frame) {
#if PY_VERSION_HEX >= 0x030D0000
    return frame->instr_ptr;
#else
    return frame->prev_instr;
#endif
}

/* `name` is the attribute that is read: if the instruction reads another, C code between it and here reads this one. */
bool hognose_reads_to_call(PyObject *name) {
    struct _PyInterpreterFrame *frame = current_frame();
    if (frame == NULL || code_of(frame) == NULL || !PyCode_Check(code_of(frame)))
        return false;
    const _Py_CODEUNIT *instruction = instruction_of(frame);
    if (instruction->op.code != LOAD_ATTR || !(instruction->op.arg & 1))
        return false;
    PyObject *names = ((PyCodeObject *)code_of(frame))->co_names;
    Py_ssize_t index = instruction->op.arg >> 1;
    return index < PyTuple_GET_SIZE(names) && PyTuple_GET_ITEM(names, index) == name;
}
