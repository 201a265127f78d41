// A constant matrix on the right-hand side of products.
#pragma once

#include <vector>

#include "../kernels.h"
#include "memory.h"

namespace deepaw {

template <class T>
class Matrix {
  public:
    Matrix() = default;

    // values: (rows, columns), row after row.
    Matrix(const std::vector<T> &values, int64_t rows, int64_t columns) : rows_(rows), columns_(columns) {
        const int64_t panel = kernels_for<T>().panel, panels = (columns + panel - 1) / panel;
        packed_.assign(size_t(rows * panels * panel), T(0));
        T *to = packed_.data();
        for (int64_t first = 0; first < rows; first += inner_block<T>()) {
            const int64_t last = first + inner_block<T>() < rows ? first + inner_block<T>() : rows;
            for (int64_t column = 0; column < columns; column += panel)
                for (int64_t row = first; row < last; ++row, to += panel)
                    for (int64_t c = column; c < column + panel && c < columns; ++c)
                        to[c - column] = values[size_t(row * columns + c)];
        }
    }

    int64_t rows() const { return rows_; }
    int64_t columns() const { return columns_; }

    // c (count, columns) = a (count, rows) M, or added to c; scratch is made as large as is needed.
    void multiply(int64_t count, const T *a, int64_t a_stride, T *c, int64_t c_stride, bool add,
                  Buffer<T> &scratch) const {
        const int64_t padded = (count + LARGEST_ROW_BLOCK - 1) / LARGEST_ROW_BLOCK * LARGEST_ROW_BLOCK;
        T *memory = sized(scratch, padded * (rows_ < inner_block<T>() ? rows_ : inner_block<T>()));
        kernels_for<T>().multiply(count, rows_, columns_, a, a_stride, packed_.data(), c, c_stride, add, memory);
    }

  private:
    int64_t rows_ = 0, columns_ = 0;
    Buffer<T> packed_;
};

// Values (rows, columns) with rows and columns exchanged.
template <class T>
std::vector<T> transposed(const std::vector<T> &values, int64_t rows, int64_t columns) {
    std::vector<T> result(values.size());
    for (int64_t row = 0; row < rows; ++row)
        for (int64_t column = 0; column < columns; ++column)
            result[size_t(column * rows + row)] = values[size_t(row * columns + column)];
    return result;
}

}  // namespace deepaw
