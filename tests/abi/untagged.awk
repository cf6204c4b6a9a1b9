# Prints the function pointers of a header that do not say, in the comment before or beside them, which thread may call
# them and when: [any: ...], [setup: ...] or [worker: ...]. "N tagged" comes last.
function judge() {
    if (statement ~ /\(\*[a-z0-9_]+\)\(|\(\*\(\*[a-z0-9_]+\)\(/ && statement !~ /^[ ]*typedef/ && statement !~ /\)[ ]*\{/) {
        gsub(/[ \n]+/, " ", statement)
        if (doc ~ /\[(any|setup|worker): [^]]+\]/)
            tagged++
        else
            print FILENAME ": " statement
    }
    statement = doc = ""
    ended = 0
}
{
    line = $0
    fresh = 1 # no code on this line yet
    if (!commenting && line ~ /^#/ || continued) {
        continued = line ~ /\\$/
        next
    }
    while (line != "") {
        if (commenting) {
            at = index(line, "*/")
            doc = doc " " (at ? substr(line, 1, at - 1) : line)
            line = at ? substr(line, at + 2) : ""
            commenting = !at
            continue
        }
        at = index(line, "/*")
        code = at ? substr(line, 1, at - 1) : line
        line = at ? substr(line, at + 2) : ""
        if (code ~ /[^ ]/) {
            if (ended)
                judge()
            fresh = 0
            statement = statement " " code
            if (code ~ /[;{}][ ]*$/)
                ended = 1
        }
        if (at) {
            if (ended && fresh)
                judge()
            commenting = 1
        }
    }
}
END {
    judge()
    print tagged + 0 " tagged"
}
