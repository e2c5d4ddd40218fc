/* What one record asks of kernels, and what one or many ask of trees, compiled. plan_models.py and plan_trees.py say the
 * same in numpy, for where this is not installed; they prepare, and check, the arrays that come here.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdint.h>

#define SIDE_BY_SIDE 8 /* pairs of row and tree; to wait for one node after the other takes longer than to compare */
#define STRETCH 512    /* points at a time; their distances stay in the processor's first cache */

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

/* The sum of kernels around points, each times its weight. coordinates: of all points the first, then the second ...
 * Of the first `numbers` coordinates differences are taken; the others are mostly 0, and a cell of 0 adds to the
 * squared distance what `rest` has. smoothness 0: exp(-factor d^2), else Matern's with factor = 2 smoothness / scale^2.
 */
static double kernels(const double *cells, Py_ssize_t columns, Py_ssize_t numbers, double smoothness, double factor,
                      const double *coordinates, const double *rest, const double *weights, Py_ssize_t count)
{
    double total = 0.0, squares[STRETCH];
    for (Py_ssize_t first = 0; first < count; first += STRETCH) {
        Py_ssize_t some = count - first < STRETCH ? count - first : STRETCH;
        for (Py_ssize_t point = 0; point < some; point++)
            squares[point] = rest[first + point];
        for (Py_ssize_t column = 0; column < columns; column++) {
            const double cell = cells[column], *place = coordinates + column * count + first;
            if (column < numbers) {
                for (Py_ssize_t point = 0; point < some; point++)
                    squares[point] += (cell - place[point]) * (cell - place[point]);
            } else if (cell != 0.0) {
                for (Py_ssize_t point = 0; point < some; point++)
                    squares[point] += cell * cell - 2.0 * cell * place[point]; /* as numpy does, infinity too */
            }
        }
        for (Py_ssize_t point = 0; point < some; point++) {
            double square = squares[point] < 0.0 ? 0.0 : factor * squares[point]; /* NaN stays */
            double far = smoothness ? sqrt(square) : square;
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
    Py_buffer cells, coordinates, rest, weights;
    Py_ssize_t numbers;
    double smoothness, factor;
    if (!PyArg_ParseTuple(arguments, "y*nddy*y*y*", &cells, &numbers, &smoothness, &factor, &coordinates, &rest,
                          &weights))
        return NULL;
    Py_ssize_t columns = cells.len / sizeof(double), count = weights.len / sizeof(double);
    int fits = coordinates.len == columns * weights.len && rest.len == weights.len;
    double total = fits ? kernels(cells.buf, columns, numbers, smoothness, factor, coordinates.buf, rest.buf,
                                  weights.buf, count)
                        : 0.0;
    PyBuffer_Release(&cells);
    PyBuffer_Release(&coordinates);
    PyBuffer_Release(&rest);
    PyBuffer_Release(&weights);
    return fits ? PyFloat_FromDouble(total)
                : PyErr_Format(PyExc_ValueError, "%zd cells are not as many as a point has coordinates", columns);
}

static PyMethodDef functions[] = {
    {"sum_of_leaves", sum_of_leaves, METH_VARARGS,
     "sum_of_leaves(cells, least, nodes, roots, totals): add what leaves each row of at least so many cells reaches."},
    {"sum_of_kernels", sum_of_kernels, METH_VARARGS,
     "sum_of_kernels(cells, numbers, smoothness, factor, coordinates, rest, weights): the weighted sum of kernels."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "plan_compiled", .m_doc = "Sums of leaves, and of kernels.", .m_size = 0,
    .m_methods = functions};

PyMODINIT_FUNC PyInit_plan_compiled(void)
{
    return PyModuleDef_Init(&definition);
}
