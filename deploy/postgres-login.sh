#!/bin/sh
# Run once by the image of PostgreSQL while its folder is empty: makes the login of DATABASE_URL, which is no
# superuser, and the two databases that it owns.
set -eu
psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --username postgres --dbname postgres <<'SQL'
\set password `cat /run/secrets/DATABASE_PASSWORD`
create role forecaster login createrole password :'password';
create database warehouse owner forecaster encoding 'UTF8' template template0;
create database dagster owner forecaster encoding 'UTF8' template template0;
SQL
