#!/bin/sh
# A server for tests whose one tool says again what it is given (mcp_orders.sh result), or is described by the JSON text that HOME
# has (description).
while IFS= read -r line; do
    id=${line##*\"id\":}
    id=${id%%[!0-9]*}
    case $line in
    *'"method":"server/discover"'*) result='{"supportedVersions":["2026-07-28"]}' ;;
    *'"method":"tools/list"'*)
        description='"Says it again."'
        [ "$1" = description ] && description=$HOME
        result="{\"tools\":[{\"name\":\"get\",\"description\":$description,\"inputSchema\":{}}]}"
        ;;
    *)
        said=${line#*\"arguments\":\{\"text\":}
        result="{\"content\":[{\"type\":\"text\",\"text\":${said%%\},\"_meta\"*}}]}"
        ;;
    esac
    printf '%s\n' "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":$result}"
done
