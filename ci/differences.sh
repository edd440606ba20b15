#!/usr/bin/env bash
# What a change does to packets, as Markdown: differences.sh BASE FILE…. BASE is a revision of git; files are relative to
# the repository's root, where this runs. A difference is no failure: status 0, or that of the command that failed.
set -euo pipefail
base=${1:?differences.sh BASE FILE…}
shift
old=$(mktemp -d)
trap 'git -c safe.directory="$PWD" worktree remove --force "$old/base" 2> /dev/null || true; rm -rf "$old"' EXIT
git -c safe.directory="$PWD" worktree add --quiet --detach "$old/base" "$base"
status=0
for file in "$@"; do
    # The name may be anybody's: no line end or backtick may end the heading's code.
    printf '### `%s`\n\n' "$(printf '%s' "$file" | LC_ALL=C tr '\000-\037\177`' '?')"
    if [ ! -f "$old/base/$file" ]; then
        echo "A new policy."
    else
        said=0
        weir diff --format markdown "$old/base/$file" "$file" > "$old/said" || said=$?
        sed '1s/.*: //' "$old/said" # its own heading has the name of the temporary folder
        # 1: they differ; that a policy is refused has been said by `weir check`.
        if [ "$said" -gt 1 ]; then status=$said; fi
    fi
    echo
done
exit "$status"
