/* viv completion - scripts that complete command lines, for three shells, made from the tables of verbs and
 * options.
 *
 * An option has one meaning in all verbs, so what follows it is completed in one way whatever the verb is. */
#include "base/file.h"
#include "cli/open.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* --- what is completed --------------------------------------------------------------------------------------- */

enum kind { NOTHING, A_WORD, A_FILE, A_DIRECTORY, A_CHOICE }; /* A_WORD: anything */

static enum kind kind_of(const struct option *o)
{
    return o->kind == OPTION_FLAG              ? NOTHING
           : o->choices                        ? A_CHOICE
           : strcmp(o->value, "DIR") == 0      ? A_DIRECTORY
           : strcmp(o->value, "FILE") == 0     ? A_FILE
           : strncmp(o->value, "DIR[", 4) == 0 ? A_FILE
           : strcmp(o->value, "MODEL") == 0    ? A_FILE
                                               : A_WORD;
}

/* What goes without dashes, by the usage of a verb: words that are written as they stand ("check|expand"), or other
 * verbs, or models and files. */
static bool takes_words(const struct command *c)
{
    return islower((unsigned char)*c->words);
}
static bool takes_verbs(const struct command *c)
{
    return strstr(c->words, "VERB") != NULL;
}
static bool takes_models(const struct command *c)
{
    return strstr(c->words, "MODEL") || strstr(c->words, "FILE") || strstr(c->words, "FOLDER");
}

/* "a|b|c d" as "a b c". */
static void print_words(const char *words)
{
    for (; *words && *words != ' '; words++)
        putchar(*words == '|' ? ' ' : *words);
}

static void print_verbs(void)
{
    for (size_t i = 0, n = 0; i < cli_n_commands; i++)
        if (!commands[i]->hidden)
            printf("%s%s", n++ ? " " : "", commands[i]->name);
}

/* Whether a verb before this one has the same option. */
static bool is_told(size_t verb, const struct option *option)
{
    const struct option *o;
    for (size_t v = 0; v < verb; v++)
        for (size_t i = 0; !commands[v]->hidden && (o = command_option(commands[v], i)) != NULL; i++)
            if (strcmp(o->name, option->name) == 0)
                return true;
    return false;
}

/* --- bash ---------------------------------------------------------------------------------------------------- */

static void bash_value(const struct option *o)
{
    const enum kind kind = kind_of(o);
    if (kind == NOTHING)
        return;
    printf("    --%s", o->name);
    if (o->letter)
        printf(" | -%c", o->letter);
    fputs(") ", stdout);
    if (kind == A_FILE || kind == A_DIRECTORY) {
        printf("_viv_paths %s", kind == A_FILE ? "-f" : "-d");
    } else if (kind == A_CHOICE) {
        fputs("_viv_words '", stdout);
        print_words(o->choices);
        putchar('\'');
    }
    fputs(kind == A_WORD ? "return ;;\n" : "; return ;;\n", stdout);
}

static void bash_verb(const struct command *c)
{
    const struct option *o;
    printf("    %s)\n        options='", c->name);
    for (size_t i = 0; (o = command_option(c, i)) != NULL; i++)
        printf("--%s ", o->name);
    fputs("--help'\n", stdout);
    if (takes_words(c)) {
        fputs("        [ \"$COMP_CWORD\" -eq 2 ] && words='", stdout);
        print_words(c->words);
        fputs("'\n", stdout);
    }
    if (takes_verbs(c))
        fputs("        words=$verbs\n", stdout);
    if (takes_models(c))
        fputs("        models=1\n", stdout);
    fputs("        ;;\n", stdout);
}

static void bash(void)
{
    const struct option *o;
    fputs("# viv(1) for bash, made by `viv completion bash`.\n"
          "_viv_words() { mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\"); }\n"
          "_viv_paths() {\n"
          "    mapfile -t COMPREPLY < <(compgen \"$1\" -- \"$cur\")\n"
          "    compopt -o filenames 2>/dev/null\n"
          "}\n"
          "_viv() {\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} options='' words='' "
          "models='' specs\n"
          "    local verbs='",
          stdout);
    print_verbs();
    fputs("'\n"
          "    COMPREPLY=()\n"
          "    # --name=value comes as three words\n"
          "    if [ \"$cur\" = = ]; then\n"
          "        cur=''\n"
          "    elif [ \"$prev\" = = ]; then\n"
          "        prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
          "    fi\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
          "        _viv_words \"$verbs\"\n"
          "        return\n"
          "    fi\n"
          "    case $prev in\n",
          stdout);
    for (size_t v = 0; v < cli_n_commands; v++)
        for (size_t i = 0; !commands[v]->hidden && (o = command_option(commands[v], i)) != NULL; i++)
            if (!is_told(v, o))
                bash_value(o);
    fputs("    esac\n"
          "    case ${COMP_WORDS[1]} in\n",
          stdout);
    for (size_t v = 0; v < cli_n_commands; v++)
        if (!commands[v]->hidden)
            bash_verb(commands[v]);
    fputs("    esac\n"
          "    case $cur in\n"
          "    -*) _viv_words \"$options\" ;;\n"
          "    *)\n"
          "        if [ -n \"$words\" ]; then\n"
          "            _viv_words \"$words\"\n"
          "        elif [ -n \"$models\" ]; then\n"
          "            specs=$(\"${COMP_WORDS[0]}\" completion specs 2>/dev/null)\n"
          "            mapfile -t COMPREPLY < <(compgen -W \"$specs\" -- \"$cur\"; compgen -f -- \"$cur\")\n"
          "            compopt -o filenames 2>/dev/null\n"
          "        fi\n"
          "        ;;\n"
          "    esac\n"
          "}\n"
          "complete -F _viv viv\n",
          stdout);
}

/* --- zsh ----------------------------------------------------------------------------------------------------- */

/* Within single quotes, where [, ] and : have a meaning. */
static void zsh_text(const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\'", stdout);
        else if (strchr("[]:\\", *text))
            putchar('\\');
        putchar(*text);
    }
}

static void zsh_option(const struct option *o)
{
    const enum kind kind = kind_of(o);
    const bool repeats = o->kind == OPTION_STRINGS || o->kind == OPTION_IDS || o->kind == OPTION_BIAS;
    fputs("            ", stdout);
    if (o->letter && repeats)
        printf("'*'{-%c,--%s}'[", o->letter, o->name);
    else if (o->letter)
        printf("'(-%c --%s)'{-%c,--%s}'[", o->letter, o->name, o->letter, o->name);
    else
        printf("'%s--%s[", repeats ? "*" : "", o->name);
    zsh_text(o->help);
    putchar(']');
    if (kind != NOTHING) {
        putchar(':');
        zsh_text(o->value);
        putchar(':');
    }
    if (kind == A_FILE || kind == A_DIRECTORY) {
        fputs(kind == A_FILE ? "_files" : "_files -/", stdout);
    } else if (kind == A_CHOICE) {
        putchar('(');
        print_words(o->choices);
        putchar(')');
    }
    fputs("' \\\n", stdout);
}

static void zsh_verb(const struct command *c)
{
    const struct option *o;
    printf("    %s)\n        _arguments \\\n", c->name);
    for (size_t i = 0; (o = command_option(c, i)) != NULL; i++)
        zsh_option(o);
    if (takes_words(c)) {
        fputs("            '1:action:(", stdout);
        print_words(c->words);
        fputs(")' \\\n", stdout);
    }
    if (takes_verbs(c)) {
        fputs("            '1:verb:(", stdout);
        print_verbs();
        fputs(")' \\\n", stdout);
    }
    if (takes_models(c))
        fputs("            '*:model:_viv_models' \\\n", stdout);
    fputs("            '(- *)'{-h,--help}'[print its help]'\n        ;;\n", stdout);
}

static void zsh(void)
{
    fputs("#compdef viv\n"
          "# viv(1) for zsh, made by `viv completion zsh`.\n"
          "_viv_models() {\n"
          "    local -a specs\n"
          "    specs=(${(f)\"$(viv completion specs 2>/dev/null)\"})\n"
          "    _alternative 'specs:spec:compadd -a specs' 'files:file:_files'\n"
          "}\n"
          "_viv() {\n"
          "    local verb\n"
          "    local -a verbs\n"
          "    verbs=(\n",
          stdout);
    for (size_t v = 0; v < cli_n_commands; v++)
        if (!commands[v]->hidden) {
            printf("        '%s:", commands[v]->name);
            zsh_text(commands[v]->summary);
            fputs("'\n", stdout);
        }
    fputs("    )\n"
          "    if (( CURRENT == 2 )); then\n"
          "        _describe verb verbs\n"
          "        return\n"
          "    fi\n"
          "    verb=$words[2]\n"
          "    shift words\n"
          "    (( CURRENT-- ))\n"
          "    case $verb in\n",
          stdout);
    for (size_t v = 0; v < cli_n_commands; v++)
        if (!commands[v]->hidden)
            zsh_verb(commands[v]);
    fputs("    esac\n"
          "}\n"
          "if [ \"$funcstack[1]\" = _viv ]; then\n"
          "    _viv \"$@\"\n"
          "else\n"
          "    compdef _viv viv\n"
          "fi\n",
          stdout);
}

/* --- fish ---------------------------------------------------------------------------------------------------- */

static void fish_text(const char *text)
{
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
}

static void fish_option(const struct command *c, const struct option *o)
{
    static const char *const values[] = {[NOTHING] = "",
                                         [A_WORD] = " -x",
                                         [A_FILE] = " -rF",
                                         [A_DIRECTORY] = " -xa '(__fish_complete_directories)'",
                                         [A_CHOICE] = " -xa '"};
    const enum kind kind = kind_of(o);
    printf("complete -c viv -n '__fish_seen_subcommand_from %s' -l %s", c->name, o->name);
    if (o->letter)
        printf(" -s %c", o->letter);
    fputs(values[kind], stdout);
    if (kind == A_CHOICE) {
        print_words(o->choices);
        putchar('\'');
    }
    fputs(" -d '", stdout);
    fish_text(o->help);
    fputs("'\n", stdout);
}

static void fish_words(const struct command *c)
{
    printf("complete -c viv -n '__fish_seen_subcommand_from %s' -%sa '", c->name, takes_models(c) ? "" : "f");
    if (takes_words(c))
        print_words(c->words);
    if (takes_verbs(c))
        print_verbs();
    if (takes_models(c))
        fputs(" (viv completion specs 2>/dev/null)", stdout);
    fputs("'\n", stdout);
}

static void fish(void)
{
    const struct option *o;
    fputs("# viv(1) for fish, made by `viv completion fish`.\n", stdout);
    for (size_t v = 0; v < cli_n_commands; v++) {
        if (commands[v]->hidden)
            continue;
        printf("complete -c viv -n __fish_use_subcommand -fa %s -d '", commands[v]->name);
        fish_text(commands[v]->summary);
        fputs("'\n", stdout);
        for (size_t i = 0; (o = command_option(commands[v], i)) != NULL; i++)
            fish_option(commands[v], o);
        fish_words(commands[v]);
    }
}

/* --- the verb ------------------------------------------------------------------------------------------------ */

/* The names of specs, for the scripts. */
static int specs(const struct common *common)
{
    struct opened o = {0};
    struct spec_listing l = {0};
    struct error err = {0};
    viv_status status = cli_open_world(&o, common, &err);
    if (status == VIV_OK)
        status = spec_list(o.world, &l, &err);
    for (size_t i = 0; status == VIV_OK && i < l.n; i++)
        puts(path_base(l.names[i]));
    spec_listing_release(&l);
    return cli_close_opened(&o, status, &err);
}

static int completion(const struct arguments *a)
{
    const char *word = a->words[0];
    if (strcmp(word, "bash") == 0)
        bash();
    else if (strcmp(word, "zsh") == 0)
        zsh();
    else if (strcmp(word, "fish") == 0)
        fish();
    else if (strcmp(word, "specs") == 0)
        return specs(a->options);
    else
        return cli_usage_error("completion", "expected bash, zsh, fish or specs, found '%s'", word);
    return EXIT_DONE;
}

const struct command command_completion = {
    .name = "completion",
    .summary = "a script that completes command lines, for a shell",
    .words = "bash|zsh|fish|specs",
    .text = "Prints a script by which a shell completes verbs, options, their values, names of specs and files. "
            "`make install` puts it where the shells look for such scripts. specs prints the names of specs, which "
            "the scripts ask for.",
    .examples = "viv completion bash >~/.local/share/bash-completion/completions/viv\n"
                "viv completion zsh >~/.zfunc/_viv\n"
                "viv completion fish >~/.config/fish/completions/viv.fish",
    .group = GROUP_FRAMEWORK,
    .main = completion,
};
