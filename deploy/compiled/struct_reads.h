/* Reading a field of a msgspec Struct from compiled code: one comparison and one load.

   mypyc reads an attribute of a type that it has not compiled itself with `PyObject_GetAttr`: a look into the type's cache, a
   descriptor, and three calls. A field of a Struct is a slot at an offset that never changes for a type, and every place in the code
   nearly always reads one field of one type; so each place keeps the name, the type's version and the offset that it found last (an
   inline cache, as CPython's own interpreter has for `LOAD_ATTR_SLOT`, PEP 659). Whatever is not such a slot, is unset, or is of another
   name (`getattr`), type or version goes the usual way, so that nothing can be told apart but by the clock.

   The compiler is given this file before any other (`setup.py`). Where it cannot work (another compiler, an interpreter without a
   lock) it changes nothing.
*/
#ifndef POINTSTREAM_STRUCT_READS_H
#define POINTSTREAM_STRUCT_READS_H

#include <Python.h>

#include <CPy.h>

#if defined(__GNUC__) && !defined(Py_GIL_DISABLED) && !defined(Py_LIMITED_API)

#include <structmember.h>

typedef struct {
    PyObject *name; /* owned, so that no other text can lie where it lies */
    PyTypeObject *type; /* not owned: only compared, and a version is never given twice */
    unsigned int version; /* 0: nothing is known */
    Py_ssize_t offset;
} StructRead;

/* The usual way; what it finds out on its way is kept. */
static __attribute__((noinline, unused)) PyObject *StructRead_slowly(StructRead *place, PyObject *object, PyObject *name) {
    PyObject *found = PyObject_GetAttr(object, name);
    PyTypeObject *type = Py_TYPE(object);
    if (found == NULL || type->tp_getattro != PyObject_GenericGetAttr || type->tp_version_tag == 0) {
        return found;
    }
    PyObject *slot = _PyType_Lookup(type, name); /* borrowed */
    if (slot != NULL && Py_IS_TYPE(slot, &PyMemberDescr_Type)) {
        PyMemberDef *member = ((PyMemberDescrObject *)slot)->d_member;
        if (member->type == T_OBJECT_EX && member->flags == 0 && PyType_IsSubtype(type, PyDescr_TYPE(slot))) {
            Py_INCREF(name);
            Py_XSETREF(place->name, name);
            place->type = type;
            place->version = type->tp_version_tag;
            place->offset = member->offset;
        }
    }
    return found;
}

static inline __attribute__((unused)) PyObject *StructRead_field(StructRead *place, PyObject *object, PyObject *name) {
    PyTypeObject *type = Py_TYPE(object);
    if (__builtin_expect(type == place->type && type->tp_version_tag == place->version && name == place->name, 1)) {
        PyObject *found = *(PyObject **)((char *)object + place->offset);
        if (__builtin_expect(found != NULL, 1)) {
            Py_INCREF(found);
            return found;
        }
    }
    return StructRead_slowly(place, object, name);
}

#undef CPyObject_GetAttr
#define CPyObject_GetAttr(object, name)                                                                                                    \
    __extension__({                                                                                                                        \
        static StructRead place;                                                                                                           \
        StructRead_field(&place, (object), (name));                                                                                        \
    })

#endif
#endif
