// Atoms of selected types.
#include <algorithm>

#include "deepmd/c_api.h"

void DP_SelectByType(int natoms, const int *atype, int nghost, int nsel_type, const int *sel_type, int *fwd_map,
                     int *nreal, int *bkw_map, int *nghost_real) {
    int count = 0, ghosts = 0;
    for (int atom = 0; atom < natoms; ++atom) {
        const bool selected = std::count(sel_type, sel_type + nsel_type, atype[atom]) > 0;
        if (fwd_map) fwd_map[atom] = selected ? count : -1;
        if (!selected) continue;
        if (bkw_map) bkw_map[count] = atom;
        if (atom >= natoms - nghost) ++ghosts;
        ++count;
    }
    if (nreal) *nreal = count;
    if (nghost_real) *nghost_real = ghosts;
}

void DP_SelectMapInt(const int *in, const int *fwd_map, int stride, int nall1, int nall2, int *out) {
    for (int row = 0; row < nall1; ++row)
        if (const int place = fwd_map[row]; place >= 0 && place < nall2)
            std::copy_n(in + row * stride, stride, out + place * stride);
}
