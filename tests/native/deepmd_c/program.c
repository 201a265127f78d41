/* Evaluate a model through DeePMD-kit's C interface and print what it gives, for test_program.py.
 *
 * Arguments: the model, and a file of natoms and for each atom its type and coordinates, then the nine numbers of the
 * cell.
 */
#include <deepmd/c_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failed(DP_DeepPot *potential) {
    const char *text = DP_DeepPotCheckOK(potential);
    const int result = strlen(text) > 0;
    if (result) fprintf(stderr, "%s\n", text);
    DP_DeleteChar(text);
    return result;
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    DP_DeepPot *potential = DP_NewDeepPot(argv[1]);
    if (failed(potential)) {
        DP_DeleteDeepPot(potential);
        return 1;
    }
    FILE *file = fopen(argv[2], "r");
    int natoms;
    if (!file || fscanf(file, "%d", &natoms) != 1) return 2;
    int *types = malloc(sizeof *types * natoms);
    double *coord = malloc(sizeof *coord * 3 * natoms), *force = malloc(sizeof *force * 3 * natoms), cell[9];
    for (int i = 0; i < natoms; ++i)
        if (fscanf(file, "%d %lf %lf %lf", &types[i], &coord[3 * i], &coord[3 * i + 1], &coord[3 * i + 2]) != 4) return 2;
    for (int i = 0; i < 9; ++i)
        if (fscanf(file, "%lf", &cell[i]) != 1) return 2;
    fclose(file);
    double energy, virial[9];
    DP_DeepPotCompute(potential, natoms, coord, types, cell, &energy, force, virial, NULL, NULL);
    const int error = failed(potential);
    if (!error) {
        printf("%.17g\n", energy);
        for (int i = 0; i < 3 * natoms; ++i) printf("%.17g\n", force[i]);
        for (int i = 0; i < 9; ++i) printf("%.17g\n", virial[i]);
    }
    DP_DeleteDeepPot(potential);
    free(types), free(coord), free(force);
    return error;
}
