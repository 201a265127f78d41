// Energies E_i = (1 - w_i) D_i + w_i (T_i + c) of networks D and of a table T at short range (docs/potential.md).
#pragma once

#include "model.h"

namespace deepaw {

// The table's share in the energies of the centres of a tile.
class Mixture {
  public:
    Mixture(const ShortRange &range, int ntypes) : range_(range), ntypes_(ntypes) {}

    // Throws ModelError: a pair closer than the first distance of the table.
    void compute(const Table<double> &table);

    // Weight w of each centre.
    const std::vector<double> &weight() const { return weight_; }

    // Energies (natoms), eV: those of the networks, replaced by those of the mixture; and dE/dr of pairs without
    // (1 - w) dD/dr, (3, stride of the table).
    void blend(const Table<double> &table, double *energy, std::vector<double> &grad_vector) const;

  private:
    double spline(int centre, int neighbour, double r, double &slope) const;

    const ShortRange &range_;
    int ntypes_;
    std::vector<double> weight_, energy_, weight_slope_, energy_slope_;  // slopes: along r, of each pair
};

}  // namespace deepaw
