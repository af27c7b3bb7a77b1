#!/bin/sh
# Makes what compose.yaml wants in deploy/secrets, and leaves alone what is there: sh deploy/secrets.sh UI_HOST PLANNER_HOST
# Asks for the operator's password on the terminal, or takes the first line of a pipe.
set -eu
ui_host=${1:?say under which name operators open the UI, such as ui.example.com}
planner_host=${2:?say under which name planners and programs come, such as planning.example.com}
cd "$(dirname "$0")"
umask 077
mkdir -p secrets
# Other users of this machine are kept out by the folder: the files are read by the numbers of the containers' users.
chmod 700 secrets
cd secrets

random() {
    openssl rand -hex 32
}

keep() {
    if [ ! -s "$1" ]; then
        cat > "$1.part"
        chmod 444 "$1.part"
        mv "$1.part" "$1"
    fi
}

if [ ! -s OPERATORS ]; then
    if [ -t 0 ]; then
        printf 'Password of the login "operator": ' >&2
        stty -echo
        read -r password
        stty echo
        printf '\n' >&2
    else
        read -r password || true
    fi
    if [ "${#password}" -lt 12 ]; then
        printf 'The password must have 12 characters or more.\n' >&2
        exit 1
    fi
    printf 'operator:%s\n' "$(printf '%s\n' "$password" | openssl passwd -6 -stdin)" | keep OPERATORS
fi
random | keep POSTGRES_PASSWORD
random | keep DATABASE_PASSWORD
random | keep JWT_SECRET_KEY
random | keep RAY_AUTH_TOKEN
printf 'postgresql://forecaster:%s@postgres:5432/warehouse\n' "$(cat DATABASE_PASSWORD)" | keep DATABASE_URL
if [ ! -s TLS_CERTIFICATE ] || [ ! -s TLS_KEY ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 30 -subj "/CN=$ui_host" \
        -addext "subjectAltName=DNS:$ui_host,DNS:$planner_host" -keyout key.part -out certificate.part 2>/dev/null
    keep TLS_KEY < key.part
    keep TLS_CERTIFICATE < certificate.part
    rm key.part certificate.part
    printf 'TLS_CERTIFICATE is signed by nobody and good for 30 days: put your own and its TLS_KEY in its place.\n' >&2
fi
printf 'UI_HOST=%s\nPLANNER_HOST=%s\n' "$ui_host" "$planner_host" > ../.env
