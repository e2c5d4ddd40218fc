/* What one record asks of kernels, and what one or many ask of trees, compiled. models.py and trees.py say the
 * same in numpy, for where this is not installed; they prepare, and check, the arrays that come here.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdint.h>

#define SIDE_BY_SIDE 8 /* pairs of row and tree; to wait for one node after the other takes longer than to compare */
#define STRETCH 512    /* points at a time; their distances stay in the processor's first cache */
#define FAR_OUT 1e150  /* from here on numpy answers instead */

/* A split has two children, neighbours, the first for "not above the threshold". A leaf has child 0, the first root,
 * which is nobody's child, and its value in the threshold's place. */
typedef struct {
    double threshold;
    int32_t child;
    int32_t feature;
} Node;

/* Of one row some trees are walked side by side, of many rows some rows through one tree, which then stays near. */
static void add_leaves(const double *cells, Py_ssize_t columns, const Node *nodes, const int32_t *roots,
                       Py_ssize_t trees, double *totals, Py_ssize_t rows)
{
    Py_ssize_t row = 0, tree = 0;
    while (tree < trees) {
        const double *own[SIDE_BY_SIDE];
        double *total[SIDE_BY_SIDE];
        int32_t place[SIDE_BY_SIDE];
        int some = 0;
        for (; some < SIDE_BY_SIDE && tree < trees; some++) {
            own[some] = cells + row * columns;
            total[some] = totals + row;
            place[some] = roots[tree];
            if (++row == rows) {
                row = 0;
                tree++;
            }
        }
        for (int going = 1; going;) {
            going = 0;
            for (int pair = 0; pair < some; pair++) {
                const Node *node = &nodes[place[pair]];
                if (node->child) {
                    place[pair] = node->child + (own[pair][node->feature] > node->threshold);
                    going = 1;
                }
            }
        }
        for (int pair = 0; pair < some; pair++)
            *total[pair] += nodes[place[pair]].threshold;
    }
}

/* The sum of kernels around points, each times its weight. A row's columns are numbers first, then 0 or 1; so are those
 * of points, which lie column after column: the numbers in `places`, the others as bytes in `ones`, of which each point
 * has `counts`. smoothness 0: exp(-factor d^2), else Matern's, with factor = 2 smoothness / scale^2. NaN for a
 * row so far out that a square might overflow.
 */
static double kernels(const double *cells, Py_ssize_t numbers, Py_ssize_t categories, double smoothness, double factor,
                      const double *places, const int8_t *ones, const int16_t *counts, const double *weights,
                      Py_ssize_t count)
{
    double total = 0.0, squares[STRETCH];
    for (Py_ssize_t column = 0; column < numbers; column++)
        if (!(fabs(cells[column]) < FAR_OUT))
            return NAN;
    for (Py_ssize_t first = 0; first < count; first += STRETCH) {
        Py_ssize_t some = count - first < STRETCH ? count - first : STRETCH;
        for (Py_ssize_t point = 0; point < some; point++)
            squares[point] = counts[first + point];
        for (Py_ssize_t column = 0; column < numbers; column++) {
            const double cell = cells[column], *place = places + column * count + first;
            for (Py_ssize_t point = 0; point < some; point++)
                squares[point] += (cell - place[point]) * (cell - place[point]);
        }
        for (Py_ssize_t column = 0; column < categories; column++) {
            const int8_t *one = ones + column * count + first;
            if (cells[numbers + column] != 0.0) /* of 0 and 1 the difference is in `counts`; of 1 and 1 there is none */
                for (Py_ssize_t point = 0; point < some; point++)
                    squares[point] += 1 - 2 * one[point];
        }
        for (Py_ssize_t point = 0; point < some; point++) {
            double square = factor * squares[point], far = smoothness ? sqrt(square) : square;
            double bend = smoothness == 1.5 ? 1.0 + far : smoothness == 2.5 ? 1.0 + far + square / 3.0 : 1.0;
            total += weights[first + point] * bend * exp(-far);
        }
    }
    return total;
}

static PyObject *sum_of_leaves(PyObject *module, PyObject *arguments)
{
    Py_buffer cells, nodes, roots, totals;
    Py_ssize_t least;
    if (!PyArg_ParseTuple(arguments, "y*ny*y*w*", &cells, &least, &nodes, &roots, &totals))
        return NULL;
    Py_ssize_t rows = totals.len / sizeof(double), columns = rows ? cells.len / totals.len : least;
    int fits = columns >= least;
    if (fits && rows) {
        /* other threads go on, unless it is over sooner than they would begin */
        PyThreadState *others = rows > 1 ? PyEval_SaveThread() : NULL;
        add_leaves(cells.buf, columns, nodes.buf, roots.buf, roots.len / sizeof(int32_t), totals.buf, rows);
        if (others)
            PyEval_RestoreThread(others);
    }
    PyBuffer_Release(&cells);
    PyBuffer_Release(&nodes);
    PyBuffer_Release(&roots);
    PyBuffer_Release(&totals);
    if (!fits)
        return PyErr_Format(PyExc_ValueError, "expected %zd cells a row, got %zd", least, columns);
    Py_RETURN_NONE;
}

static PyObject *sum_of_kernels(PyObject *module, PyObject *arguments)
{
    Py_buffer cells, places, ones, counts, weights;
    double smoothness, factor;
    if (!PyArg_ParseTuple(arguments, "y*ddy*y*y*y*", &cells, &smoothness, &factor, &places, &ones, &counts, &weights))
        return NULL;
    Py_ssize_t columns = cells.len / sizeof(double), count = counts.len / sizeof(int16_t);
    Py_ssize_t categories = count ? ones.len / count : 0, numbers = columns - categories;
    int fits = numbers >= 0 && weights.len == count * (Py_ssize_t)sizeof(double) && ones.len == categories * count &&
               places.len == numbers * weights.len;
    double total = fits ? kernels(cells.buf, numbers, categories, smoothness, factor, places.buf, ones.buf, counts.buf,
                                  weights.buf, count)
                        : 0.0;
    PyBuffer_Release(&cells);
    PyBuffer_Release(&places);
    PyBuffer_Release(&ones);
    PyBuffer_Release(&counts);
    PyBuffer_Release(&weights);
    return fits ? PyFloat_FromDouble(total)
                : PyErr_Format(PyExc_ValueError, "%zd cells are not as many as a point has coordinates", columns);
}

static PyMethodDef functions[] = {
    {"sum_of_leaves", sum_of_leaves, METH_VARARGS,
     "sum_of_leaves(cells, least, nodes, roots, totals): add what leaves each row of at least so many cells reaches."},
    {"sum_of_kernels", sum_of_kernels, METH_VARARGS,
     "sum_of_kernels(cells, smoothness, factor, places, ones, counts, weights): the weighted sum of kernels."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "compiled", .m_doc = "Sums of leaves, and of kernels.", .m_size = 0,
    .m_methods = functions};

PyMODINIT_FUNC PyInit_compiled(void)
{
    return PyModuleDef_Init(&definition);
}
