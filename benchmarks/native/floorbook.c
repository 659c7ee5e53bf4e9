/* The floor as a Python module: books in C that do what is needed and nothing else, to measure against.
 *
 *     book = Book(format, tricks=False)   format: binance okx kraken coinbase; tricks: binance alone
 *     book.seed(whole) feed(frame) best() top(n)
 *     loop(books, frames, read)           the same without Python in between: frame i to books[i % len(books)], and
 *                                         after each nothing (0), the best (1) or the best n levels are made floats
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "formats.h"

typedef void (*Reader)(Book *, const char *);

typedef struct {
    const char *name;
    int tricks;
    Reader whole, change;
} Format;

static const Format FORMATS[] = {
    {"binance", 0, binance_whole_plain, binance_plain},
    {"binance", 1, binance_whole_tricks, binance_tricks},
    {"okx", 0, okx_whole, okx},
    {"kraken", 0, kraken_whole, kraken},
    {"coinbase", 0, coinbase_whole, coinbase},
};

typedef struct {
    PyObject_HEAD
    Book book;
    const Format *format;
} FloorBook;

static PyTypeObject FloorBookType;

static inline double as_float(int64_t value) { return (double)value / (double)ONE; }

/* The best `n` live rows of a side as price, size, price, size, …; how many there were. */
static inline size_t best_rows(const FloorBook *self, int bid, size_t n, double *to) {
    const Side *side = bid ? &self->book.bids : &self->book.asks;
    int64_t sign = self->format->tricks && !bid ? -1 : 1;
    size_t found = 0;
    for (size_t i = side->n; i-- && found < n;) {
        const Row *row = side->rows + i;
        if (!row->size)
            continue;
        to[2 * found] = as_float(sign * row->price);
        to[2 * found + 1] = as_float(row->size);
        found++;
    }
    return found;
}

static PyObject *book_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"format", "tricks", NULL};
    const char *name;
    int tricks = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "s|p", names, &name, &tricks))
        return NULL;
    for (size_t i = 0; i < sizeof FORMATS / sizeof *FORMATS; i++)
        if (!strcmp(FORMATS[i].name, name) && FORMATS[i].tricks == tricks) {
            FloorBook *self = (FloorBook *)type->tp_alloc(type, 0);
            if (self)
                self->format = FORMATS + i;
            return (PyObject *)self;
        }
    return PyErr_Format(PyExc_ValueError, "no floor for %s%s", name, tricks ? " with tricks" : "");
}

static void book_dealloc(FloorBook *self) {
    free(self->book.bids.store);
    free(self->book.asks.store);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyObject *book_seed(FloorBook *self, PyObject *frame) {
    if (!PyBytes_Check(frame))
        return PyErr_Format(PyExc_TypeError, "bytes are read");
    clear(&self->book);
    self->format->whole(&self->book, PyBytes_AS_STRING(frame));
    Py_RETURN_NONE;
}

static PyObject *book_feed(FloorBook *self, PyObject *frame) {
    if (!PyBytes_Check(frame))
        return PyErr_Format(PyExc_TypeError, "bytes are read");
    self->format->change(&self->book, PyBytes_AS_STRING(frame));
    Py_RETURN_NONE;
}

static PyObject *book_best(FloorBook *self, PyObject *unused) {
    double bid[2], ask[2];
    (void)unused;
    if (!best_rows(self, 1, 1, bid) || !best_rows(self, 0, 1, ask))
        return PyErr_Format(PyExc_LookupError, "a side is empty");
    PyObject *out = PyTuple_New(4);
    if (!out)
        return NULL;
    double values[4] = {bid[0], bid[1], ask[0], ask[1]};
    for (int i = 0; i < 4; i++) {
        PyObject *value = PyFloat_FromDouble(values[i]);
        if (!value) {
            Py_DECREF(out);
            return NULL;
        }
        PyTuple_SET_ITEM(out, i, value);
    }
    return out;
}

#define MOST 4096

static PyObject *side_tuple(const FloorBook *self, int bid, size_t n) {
    double values[2 * MOST];
    size_t found = best_rows(self, bid, n, values);
    PyObject *out = PyTuple_New((Py_ssize_t)found);
    for (size_t i = 0; out && i < found; i++) {
        PyObject *row = PyTuple_New(2), *price = PyFloat_FromDouble(values[2 * i]);
        PyObject *size = PyFloat_FromDouble(values[2 * i + 1]);
        if (!row || !price || !size) {
            Py_XDECREF(row);
            Py_XDECREF(price);
            Py_XDECREF(size);
            Py_CLEAR(out);
            break;
        }
        PyTuple_SET_ITEM(row, 0, price);
        PyTuple_SET_ITEM(row, 1, size);
        PyTuple_SET_ITEM(out, (Py_ssize_t)i, row);
    }
    return out;
}

static PyObject *book_top(FloorBook *self, PyObject *count) {
    size_t n = PyLong_AsSize_t(count);
    if (n == (size_t)-1 && PyErr_Occurred())
        return NULL;
    if (n > MOST)
        return PyErr_Format(PyExc_ValueError, "at most %d levels", MOST);
    PyObject *bids = side_tuple(self, 1, n), *asks = side_tuple(self, 0, n);
    if (!bids || !asks) {
        Py_XDECREF(bids);
        Py_XDECREF(asks);
        return NULL;
    }
    PyObject *out = PyTuple_New(2);
    if (!out) {
        Py_DECREF(bids);
        Py_DECREF(asks);
        return NULL;
    }
    PyTuple_SET_ITEM(out, 0, bids);
    PyTuple_SET_ITEM(out, 1, asks);
    return out;
}

static PyObject *loop(PyObject *module, PyObject *args) {
    PyObject *books, *frames;
    Py_ssize_t read;
    (void)module;
    if (!PyArg_ParseTuple(args, "O!O!n", &PyList_Type, &books, &PyList_Type, &frames, &read))
        return NULL;
    Py_ssize_t many = PyList_GET_SIZE(books), next = 0;
    if (!many || read < 0 || read > MOST)
        return PyErr_Format(PyExc_ValueError, "at least one book, and 0 to %d levels", MOST);
    for (Py_ssize_t i = 0; i < many; i++)
        if (!Py_IS_TYPE(PyList_GET_ITEM(books, i), &FloorBookType))
            return PyErr_Format(PyExc_TypeError, "floor books");
    double values[2 * MOST], sum = 0;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(frames); i++) {
        FloorBook *self = (FloorBook *)PyList_GET_ITEM(books, next);
        PyObject *frame = PyList_GET_ITEM(frames, i);
        if (!PyBytes_Check(frame))
            return PyErr_Format(PyExc_TypeError, "bytes are read");
        next = next + 1 == many ? 0 : next + 1;
        self->format->change(&self->book, PyBytes_AS_STRING(frame));
        for (int bid = 0; read && bid < 2; bid++) {
            size_t found = best_rows(self, bid, (size_t)read, values);
            /* All of it has to be there, whatever is made of it. */
            __asm__ volatile("" : : "r"(values) : "memory");
            if (found)
                sum += values[0];
        }
    }
    return PyFloat_FromDouble(sum);
}

static PyObject *get_gaps(FloorBook *self, void *unused) {
    (void)unused;
    return PyLong_FromUnsignedLongLong(self->book.gaps);
}

static PyObject *get_absent(FloorBook *self, void *unused) {
    (void)unused;
    return PyLong_FromUnsignedLongLong(self->book.absent);
}

static PyObject *get_levels(FloorBook *self, void *unused) {
    const Side *bids = &self->book.bids, *asks = &self->book.asks;
    (void)unused;
    return Py_BuildValue("(nn)", (Py_ssize_t)(bids->n - bids->dead), (Py_ssize_t)(asks->n - asks->dead));
}

static PyMethodDef BOOK_METHODS[] = {
    {"seed", (PyCFunction)book_seed, METH_O, "Replaces the book by a whole one."},
    {"feed", (PyCFunction)book_feed, METH_O, "Applies a change."},
    {"best", (PyCFunction)book_best, METH_NOARGS, "Bid price and size, ask price and size."},
    {"top", (PyCFunction)book_top, METH_O, "The best n levels of bids and of asks, pairs of floats."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef BOOK_FIELDS[] = {
    {"gaps", (getter)get_gaps, NULL, "How many changes did not fit.", NULL},
    {"absent", (getter)get_absent, NULL, "How many removals were of levels that are not there.", NULL},
    {"levels", (getter)get_levels, NULL, "How many bids and asks there are.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyTypeObject FloorBookType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "floorbook.Book",
    .tp_basicsize = sizeof(FloorBook),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = book_new,
    .tp_dealloc = (destructor)book_dealloc,
    .tp_methods = BOOK_METHODS,
    .tp_getset = BOOK_FIELDS,
};

static PyMethodDef FUNCTIONS[] = {
    {"loop", loop, METH_VARARGS, "All frames, without Python in between."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT, .m_name = "floorbook", .m_size = -1, .m_methods = FUNCTIONS,
};

PyMODINIT_FUNC PyInit_floorbook(void) {
    crc_prepare();
    PyObject *module = PyModule_Create(&MODULE);
    if (module && PyModule_AddType(module, &FloorBookType) < 0)
        Py_CLEAR(module);
    return module;
}
