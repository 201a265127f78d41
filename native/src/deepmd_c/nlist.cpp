// Neighbour lists of callers.
#include "handles.h"

using namespace deepmd_c;

DP_Nlist *DP_NewNlist(int inum, int *ilist, int *numneigh, int **firstneigh) {
    return new DP_Nlist{{inum, ilist, numneigh, firstneigh, -1}};
}

DP_Nlist *DP_NewNlist_comm(int inum, int *ilist, int *numneigh, int **firstneigh, int, int *, int *, int *, int **,
                           int *, int *, void *, int) {
    return DP_NewNlist(inum, ilist, numneigh, firstneigh);
}

void DP_NlistSetMask(DP_Nlist *nl, int mask) { nl->list.mask = mask; }
void DP_NlistSetMapping(DP_Nlist *, int *) {}
void DP_DeleteNlist(DP_Nlist *nl) { delete nl; }
const char *DP_NlistCheckOK(DP_Nlist *) { return copy_text(""); }
