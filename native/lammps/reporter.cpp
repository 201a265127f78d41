#include "reporter.h"

#include <comm.h>
#include <error.h>

#include <algorithm>
#include <cctype>

using namespace LAMMPS_NS;

namespace {

std::string without_numbers(std::string sentence)
{
  const auto is_digit = [](unsigned char c) { return std::isdigit(c) || c == '.'; };
  sentence.erase(std::remove_if(sentence.begin(), sentence.end(), is_digit), sentence.end());
  return sentence;
}

}    // namespace

void Reporter::report(const std::string &error_sentence, std::vector<std::string> warnings)
{
  while (true) {
    const auto is_printed = [&](const std::string &warning) { return printed.count(without_numbers(warning)) > 0; };
    warnings.erase(std::remove_if(warnings.begin(), warnings.end(), is_printed), warnings.end());
    int own[2] = {error_sentence.empty() ? comm->nprocs : comm->me, warnings.empty() ? comm->nprocs : comm->me};
    int first[2];
    MPI_Allreduce(own, first, 2, MPI_INT, MPI_MIN, world);
    if (first[0] < comm->nprocs) error->all(FLERR, broadcast(error_sentence, first[0]));
    if (first[1] == comm->nprocs) return;
    const std::string warning = broadcast(warnings.empty() ? "" : warnings.front(), first[1]);
    if (comm->me == 0) error->warning(FLERR, warning);
    printed.insert(without_numbers(warning));
  }
}

std::string Reporter::broadcast(std::string sentence, int rank)
{
  int length = static_cast<int>(sentence.size());
  MPI_Bcast(&length, 1, MPI_INT, rank, world);
  sentence.resize(length);
  MPI_Bcast(&sentence[0], length, MPI_CHAR, rank, world);
  return sentence;
}
