# What the set-up scripts share. Sourced by them from the root of the project; POSIX sh.

say() { printf '» %s\n' "$*"; }

die() {
    printf '✗ %s\n' "$*" >&2
    exit 1
}

# The newest Python of this machine that the project runs on.
find_python() {
    for python in python3.13 python3.12 python3.11 python3; do
        if command -v "$python" >/dev/null 2>&1 &&
            "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$python"
            return
        fi
    done
    die "No Python 3.11 or newer found. On Debian or Ubuntu: apt-get install python3"
}

# Whether packages can be installed here; sets $as_root to what makes us root.
can_install() {
    as_root=
    if [ "$(id -u)" != 0 ]; then as_root=sudo; fi
    command -v apt-get >/dev/null 2>&1 && { [ -z "$as_root" ] || command -v sudo >/dev/null 2>&1; }
}

# apt_install WHY PACKAGE…: with sudo when not root; 1 where that cannot be done.
apt_install() {
    why=$1
    shift
    can_install || return 1
    say "apt installs $* ($why)${as_root:+, through sudo}"
    # An old list of packages, or none, makes the first try fail.
    log=$(mktemp)
    apt_get install "$@" >"$log" 2>&1 || {
        $as_root apt-get update -q >>"$log" 2>&1 || say "apt-get update complained; trying all the same"
        apt_get install "$@" >>"$log" 2>&1
    } || {
        tail -n 8 "$log" >&2
        rm -f "$log"
        return 1
    }
    rm -f "$log"
}

apt_get() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -y -q --no-install-recommends "$@"; }

# make_venv FOLDER: a virtual environment with a working pip; made anew when it is broken or its Python is gone.
make_venv() {
    if [ -x "$1/bin/python" ] && "$1/bin/python" -m pip --version >/dev/null 2>&1; then
        return 0
    fi
    python=$(find_python)
    minor=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        apt_install "Debian's Python cannot make a virtual environment without it" "python$minor-venv" ||
            die "Python's venv module is missing. Install the package python$minor-venv (or python3-venv), then try again."
    fi
    say "Making $1 with $python ($minor)"
    rm -rf "$1"
    "$python" -m venv "$1"
}

# pip_install FOLDER ARGUMENT…: bars where a person watches, silence where nobody does.
pip_install() {
    folder=$1
    shift
    quiet=-q
    if [ -t 1 ]; then quiet=; fi
    PIP_ROOT_USER_ACTION=ignore "$folder/bin/python" -m pip install --disable-pip-version-check $quiet "$@"
}
