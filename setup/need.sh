#!/usr/bin/env bash
# Sees to it that the named things are on this machine:
#
#   setup/need.sh cargo cc --or-skip postgres named-compilezone
#
# Installs what is missing with apt, as root or through sudo. Where that cannot be done it says what
# to do instead and exits 69; for what comes after --or-skip, and outside of CI, it goes on.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
postgres_major_min=14

say() { printf '%s\n' "$*" >&2; }

# rustup's cargo gets the right version by itself; another one may be too old.
has_cargo() {
    local wanted found
    command -v cargo >/dev/null || return 1
    wanted=$(sed -n 's/^channel = "\(.*\)"/\1/p' "$root/rust-toolchain.toml")
    found=$(cd "$root" && cargo --version | cut -d' ' -f2)
    [ -n "$found" ] && printf '%s\n%s\n' "$wanted" "$found" | sort -VC
}

has_cc() { command -v cc >/dev/null && echo 'int main(void){return 0;}' | cc -x c -o /dev/null - 2>/dev/null; }
has_pgbouncer() { command -v pgbouncer >/dev/null || [ -x /usr/sbin/pgbouncer ]; }
has_named_compilezone() { command -v named-compilezone >/dev/null || [ -x /usr/sbin/named-compilezone ]; }

# Where scanflow itself looks: PG_BIN, PATH, the distributions' folders.
has_postgres() {
    local folder major
    for folder in "${PG_BIN:-}" $(dirname "$(command -v initdb || echo none/initdb)") \
        /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql@*/bin; do
        if [ ! -x "$folder/postgres" ] || [ ! -x "$folder/initdb" ]; then continue; fi
        major=$("$folder/postgres" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
        [ "$major" -ge "$postgres_major_min" ] && return 0
    done
    return 1
}

packages_of() {
    case $1 in
        cargo) echo rustup ;;
        cc) echo gcc libc6-dev ;;
        postgres) echo postgresql ;;
        named-compilezone) echo bind9-utils ;;
        pgbouncer) echo pgbouncer ;;
    esac
}

otherwise() {
    case $1 in
        cargo) echo "run  curl --proto =https --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y  and try again" ;;
        cc) echo "install a C compiler with its headers" ;;
        postgres) echo "install the server of PostgreSQL $postgres_major_min or newer, or set PG_BIN to the folder of its programs" ;;
        named-compilezone) echo "install BIND's tools" ;;
        pgbouncer) echo "install PgBouncer" ;;
    esac
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
        sudo "$@"
    else
        say "not root, and sudo is missing or would ask"
        return 1
    fi
}

apt() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" </dev/null; }

install() { apt install -y --no-install-recommends --no-remove "$@" >/dev/null; }

is_known_to_apt() { [[ $(apt-cache policy "$1") == *"Candidate: "[^\(]* ]]; }

# Debian starts a cluster for the whole system when a server is installed. scanflow makes its own,
# so a machine that has had no Postgres yet is asked not to, as long as this takes.
install_postgres() {
    local answer=/etc/postgresql-common/createcluster.d/scanflow.conf status=0
    if dpkg -s postgresql-common >/dev/null 2>&1; then
        install "$@"
        return
    fi
    as_root mkdir -p "${answer%/*}"
    echo 'create_main_cluster = false' | as_root tee "$answer" >/dev/null
    install "$@" || status=$?
    as_root rm -f "$answer"
    return "$status"
}

# Debian starts one for the whole system, which nobody asked for.
install_pgbouncer() {
    install "$@"
    if command -v systemctl >/dev/null; then
        as_root systemctl disable --now pgbouncer >/dev/null 2>&1 || true
    fi
}

may_skip=no
is_updated=no
for thing in "$@"; do
    if [ "$thing" = --or-skip ]; then
        [ -n "${CI:-}" ] || may_skip=yes
        continue
    fi
    has="has_${thing//-/_}"
    declare -F "$has" >/dev/null || { say "need.sh: what is $thing?"; exit 2; }
    "$has" && continue

    read -ra packages <<<"$(packages_of "$thing")"
    if command -v apt-get >/dev/null; then
        say "$thing is missing: installing ${packages[*]}"
        if [ "$is_updated" = no ]; then
            apt update || true
            is_updated=yes
        fi
        if is_known_to_apt "${packages[0]}"; then
            case $thing in
                postgres | pgbouncer) "install_$thing" "${packages[@]}" || true ;;
                *) install "${packages[@]}" || true ;;
            esac
        else
            say "apt knows no package ${packages[0]}"
        fi
    fi
    hash -r
    "$has" && continue

    say "$thing is missing: $(otherwise "$thing")"
    [ "$may_skip" = yes ] || exit 69
done
