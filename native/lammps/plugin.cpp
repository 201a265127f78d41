// Entry point of the plugin: LAMMPS calls lammpsplugin_init when it loads the library ("Writing plugins" in its
// manual).
#include "pair_deepaw.h"

#include <error.h>
#include <lammps.h>
#include <library.h>
#include <utils.h>

#include <string>

using namespace LAMMPS_NS;

namespace {

// As documented for lammpsplugin.h, which installed copies of LAMMPS lack.
struct lammpsplugin_t {
  const char *version;
  const char *style;
  const char *name;
  const char *info;
  const char *author;
  void *(*creator)(void *);
  void *handle;
};

using Register = void (*)(lammpsplugin_t *, void *);

void *create_pair(void *lmp) { return new PairDeepAW(static_cast<LAMMPS *>(lmp)); }

// Classes of LAMMPS differ between releases: end rather than crash in another one than that of the headers.
void check_version(LAMMPS *lmp)
{
#ifdef DEEPAW_LAMMPS_VERSION
  const int built_for = utils::date2num(DEEPAW_LAMMPS_VERSION), running = lammps_version(lmp);
  if (built_for != running)
    lmp->error->all(FLERR, "The plugin of deepaw was built for LAMMPS " DEEPAW_LAMMPS_VERSION
                           ", and this is another release (" +
                               std::to_string(running) + "); 'deepaw lammps' builds it for this one.");
#else
  (void) lmp;
#endif
}

}    // namespace

extern "C" __attribute__((visibility("default"))) void lammpsplugin_init(void *lmp, void *handle, void *function)
{
  check_version(static_cast<LAMMPS *>(lmp));
  lammpsplugin_t plugin = {};
  plugin.version = static_cast<LAMMPS *>(lmp)->version;
  plugin.style = "pair";
  plugin.name = "deepaw";
  plugin.info = "potentials of DeePAW and DeePMD-kit";
  plugin.author = "The DeePAW developers";
  plugin.creator = create_pair;
  plugin.handle = handle;
  reinterpret_cast<Register>(function)(&plugin, lmp);
}
