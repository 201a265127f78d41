// All kernels for one instruction set, DEEPAW_ISA; compiled once for each with the flags of that set.
#include "kernels.h"

#include "matrixproducts.h"
#include "moments.h"
#include "nearby.h"
#include "residual.h"
#include "rowproducts.h"
#include "triples.h"

namespace deepaw::DEEPAW_ISA {

template <class T>
void forward(const deepaw_pair_form &form, const deepaw_neighbours &neighbours, T *moments, T *scratch) {
    if (form.fading)
        moments_forward<T, 4, true>(form, neighbours, moments, scratch);
    else if (form.components == 4)
        moments_forward<T, 4, false>(form, neighbours, moments, scratch);
    else
        moments_forward<T, 1, false>(form, neighbours, moments, scratch);
}

template <class T>
void vjp(const deepaw_pair_form &form, const deepaw_neighbours &neighbours, const T *grad_moments, T *grad_vector,
         int64_t stride, bool add, T *scratch) {
    if (form.fading)
        moments_vjp<T, 4, true>(form, neighbours, grad_moments, grad_vector, stride, add, scratch);
    else if (form.components == 4)
        moments_vjp<T, 4, false>(form, neighbours, grad_moments, grad_vector, stride, add, scratch);
    else
        moments_vjp<T, 1, false>(form, neighbours, grad_moments, grad_vector, stride, add, scratch);
}

template <class T>
void jvp(const deepaw_pair_form &form, const deepaw_neighbours &neighbours, const T *tangent_vector,
         int64_t stride, T *tangent_moments, T *scratch) {
    if (form.fading)
        moments_jvp<T, 4, true>(form, neighbours, tangent_vector, stride, tangent_moments, scratch);
    else if (form.components == 4)
        moments_jvp<T, 4, false>(form, neighbours, tangent_vector, stride, tangent_moments, scratch);
    else
        moments_jvp<T, 1, false>(form, neighbours, tangent_vector, stride, tangent_moments, scratch);
}

template <class T>
Kernels<T> kernels_of() {
    return {forward<T>,
            vjp<T>,
            jvp<T>,
            fill_tanh<T>,
            products_forward<T>,
            products_backward<T>,
            panel_columns<T>(),
            multiply_packed<T>,
            tanh_layer<T>,
            triples_forward<T>,
            triples_backward<T>};
}

#define DEEPAW_TEXT_OF(name) #name
#define DEEPAW_TEXT(name) DEEPAW_TEXT_OF(name)

KernelSet kernels() { return {DEEPAW_TEXT(DEEPAW_ISA), find_nearby, kernels_of<float>(), kernels_of<double>()}; }

}  // namespace deepaw::DEEPAW_ISA
