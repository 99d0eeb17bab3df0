#!/usr/bin/env bash
# Installs the development tools of tools.txt into .tools, those that are named, else all. Does nothing for what is
# there.
#
#   tools.sh [NAME…]
set -euo pipefail
cd "$(dirname "$0")/.."

command -v python3 >/dev/null || { echo "the development tools are installed with Python, and there is no python3" >&2; exit 3; }
mkdir -p .tools
# Only one at a time; whoever waited finds it done.
exec 9>.tools/.lock
flock 9

install() {
    local name=$1 packages=$2 stamp=$2 program=""
    case $packages in
    npm:*) program=npm ;;
    # What Maven makes depends on the sources too.
    mvn:*) program=mvn stamp+=" $(cd "${packages#mvn:}" && find pom.xml src -type f | sort | xargs cksum | cksum)" ;;
    esac
    [ "$(cat ".tools/$name/.packages" 2>/dev/null)" = "$stamp" ] && return
    if [ -n "$program" ] && ! command -v "$program" >/dev/null; then
        echo "left out $packages: there is no $program" >&2
        return
    fi
    echo "installing $packages" >&2
    rm -rf ".tools/${name:?}"
    if [ "$program" = npm ]; then
        mkdir ".tools/$name"
        # shellcheck disable=SC2086 # one word a package
        npm install --silent --no-audit --no-fund --ignore-scripts --prefix ".tools/$name" ${packages#npm:}
    elif [ "$program" = mvn ]; then
        mvn -q -f "${packages#mvn:}/pom.xml" compile -Dmade="$PWD/.tools/$name"
    else
        python3 -m venv ".tools/$name"
        # shellcheck disable=SC2086 # one word a package
        ".tools/$name/bin/pip" install --quiet --disable-pip-version-check $packages
    fi
    echo "$stamp" >".tools/$name/.packages"
}

while read -r name packages; do
    case " ${*:-$name} " in *" $name "*) install "$name" "$packages" ;; esac
done < <(grep -v '^#' scripts/tools.txt)
