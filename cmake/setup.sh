# Sourced by tests/run.sh, examples/run.sh and .ci/run, which set `root` to the checkout.
build=$root/build

have_header() {
  for folder in /usr/include /usr/include/eigen3 /usr/local/include /usr/local/include/eigen3; do
    [ ! -e "$folder/$1" ] || return 0
  done
  return 1
}

# Whether what the Debian package $1 brings is here, from whatever source.
have() {
  case $1 in
    g++) [ -n "${CXX:-}" ] || command -v c++ || command -v g++ || command -v clang++ ;;
    clang) command -v clang++ ;;
    libclang-rt-*) ls "$(clang++ -print-resource-dir)"/lib/linux/libclang_rt.asan*.a ;;
    libeigen3-dev) have_header Eigen/Core ;;
    catch2) have_header catch2/catch.hpp || have_header catch2/catch_all.hpp ;;
    libcli11-dev) have_header CLI/CLI.hpp ;;
    nlohmann-json3-dev) have_header nlohmann/json.hpp ;;
    libbenchmark-dev) have_header benchmark/benchmark.h ;;
    libhunspell-dev) have_header hunspell/hunspell.hxx ;;
    libfaiss-dev) have_header faiss/Index.h ;;
    libtorch-dev) have_header torch/csrc/api/include/torch/torch.h || have_header torch/torch.h ;;
    *) command -v "$1" ;;
  esac >/dev/null
}

# need PACKAGE...: installs those that are missing, or exits 2 and says what to run.
need() {
  missing=
  for package in "$@"; do have "$package" || missing="$missing $package"; done
  [ -n "$missing" ] || return 0
  if ! command -v apt-get >/dev/null; then
    # Headers may lie where only CMake finds them; it names what it lacks.
    for package in $missing; do
      case $package in
        lib*-dev | nlohmann-json3-dev | catch2) ;;
        *) echo "Missing:$missing (Debian's names). Install it and run this again." >&2 && exit 2 ;;
      esac
    done
    return 0
  fi
  install="apt-get install -y --no-install-recommends$missing"
  as_root=
  if [ "$(id -u)" != 0 ]; then
    as_root="sudo -n"
    if ! sudo -n true 2>/dev/null; then
      printf 'Missing:%s. Run this as root, then run this script again:\n' "$missing" >&2
      printf '  apt-get update && %s\n' "$install" >&2
      exit 2
    fi
  fi
  echo "Installing$missing"
  options="-q -o DPkg::Lock::Timeout=120"
  { $as_root apt-get $options update &&
    $as_root env DEBIAN_FRONTEND=noninteractive $install $options; } </dev/null || {
    printf 'This failed; run it by hand, then run this script again:\n' >&2
    printf '  %s apt-get update && %s %s\n' "$as_root" "$as_root" "$install" >&2
    exit 2
  }
}

# Compilers to run at once: one a core, and 2.5 GiB of free memory for each.
parallel_jobs() {
  cores=$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
  free=$(awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo 2>/dev/null || true)
  group=$(cat /sys/fs/cgroup/memory.max 2>/dev/null || true)
  case $group in
    '' | *[!0-9]*) ;;
    *) group=$((group / 1048576)) && [ "$group" -ge "${free:-$group}" ] || free=$group ;;
  esac
  most=$((${free:-2560} / 2560))
  [ "$most" -ge "$cores" ] || cores=$most
  [ "$cores" -ge 1 ] || cores=1
  echo "$cores"
}
export CMAKE_BUILD_PARALLEL_LEVEL="${CMAKE_BUILD_PARALLEL_LEVEL:-$(parallel_jobs)}"
export CTEST_PARALLEL_LEVEL="${CTEST_PARALLEL_LEVEL:-$CMAKE_BUILD_PARALLEL_LEVEL}"

# configure OPTION...: (re)configures build/ in Release. What another script turned on there stays on,
# so that going from one to the other compiles nothing twice; a new build/ starts with all off.
configure() {
  if [ ! -f "$build/Makefile" ] && [ ! -f "$build/build.ninja" ]; then
    set -- -DSEE_BUILD_TESTS=OFF -DSEE_BUILD_BENCH=OFF -DSEE_BUILD_EXAMPLES=OFF \
      -DSEE_BUILD_TOOLS=OFF "$@"
  fi
  cmake -S "$root" -B "$build" -DCMAKE_BUILD_TYPE=Release "$@"
}
