#!/usr/bin/env bash
# What the action does once remaptrace is installed; every CI can run it the same way.
# TRACES: what to check. BASELINE, PAGE: optional files. OUTPUT: a folder. GITHUB_STEP_SUMMARY: where the summary goes.
set -u
mkdir -p "$OUTPUT"
read -ra traces <<<"$TRACES"
bounds=()
[ -n "${BASELINE:-}" ] && bounds=(--baseline "$BASELINE")
status=0
remaptrace check "${traces[@]}" ${bounds[@]+"${bounds[@]}"} --format junit -o "$OUTPUT/replay.xml" || status=$?
remaptrace check "${traces[@]}" ${bounds[@]+"${bounds[@]}"} --format markdown -o "$OUTPUT/summary.md" || true
[ -n "${PAGE:-}" ] && { remaptrace run "$PAGE" -o "$OUTPUT/page.html" || true; }
[ -n "${GITHUB_ACTIONS:-}" ] && { remaptrace check "${traces[@]}" ${bounds[@]+"${bounds[@]}"} --format github || true; }
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then cat "$OUTPUT/summary.md" >>"$GITHUB_STEP_SUMMARY"; fi
exit "$status"
