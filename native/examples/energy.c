/* Energy and forces of a water molecule in a periodic box, from a potential with the types O and H.
 *
 * Compile it with the flags that `deepaw c-api` prints, and run ./energy model.safetensors
 */
#include <deepaw.h>
#include <stdio.h>

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s model.safetensors\n", argv[0]);
        return 2;
    }
    deepaw_model *model = deepaw_open(argv[1], 64);
    if (!model) {
        fprintf(stderr, "error: %s\n", deepaw_error());
        return 2;
    }
    const double coord[] = {0.00, 0.00, 0.00, 0.76, 0.59, 0.00, -0.76, 0.59, 0.00};
    const double cell[] = {9, 0, 0, 0, 9, 0, 0, 0, 9};
    const int32_t types[] = {0, 1, 1};
    double energy, force[9];
    deepaw_atoms atoms = {0};
    atoms.natoms = 3, atoms.coord = coord, atoms.types = types, atoms.cell = cell;
    deepaw_energy_result result = {0};
    result.energy = &energy, result.force = force;
    if (deepaw_evaluate(model, &atoms, NULL, 1, &result) != 0) {
        fprintf(stderr, "error: %s\n", deepaw_error());
        return 2;
    }
    printf("energy %.10f eV\n", energy);
    for (int i = 0; i < 3; ++i)
        printf("%-2s %14.10f %14.10f %14.10f eV/A\n", deepaw_type_name(model, types[i]), force[3 * i], force[3 * i + 1],
               force[3 * i + 2]);
    deepaw_close(model);
    return 0;
}
