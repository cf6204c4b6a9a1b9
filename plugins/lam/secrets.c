/* secrets.c - texts that have what looks like a key or a password, which are not remembered:
 *
 *   AKIA...                     a key, by its beginning and its length
 *   password: ...               a name of secrets, ':' or '=', and at least six characters
 *   http://name:...@host        an address with a password
 *   PRIVATE KEY-----            a key as PEM has it
 *
 * By hand: regcomp may be that of another library here (Oniguruma has one, of another size). */
#include "memory.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { SHORTEST_SECRET = 6 };

static const struct {
    const char *begin;
    size_t more;
} keys[] = {{"AKIA", 16},     {"ASIA", 16},  {"AIza", 30},  {"ghp_", 30},   {"gho_", 30},
            {"ghu_", 30},     {"ghs_", 30},  {"ghr_", 30},  {"glpat-", 16}, {"github_pat_", 20},
            {"xoxb-", 16},    {"xoxp-", 16}, {"xoxa-", 16}, {"sk-", 20},    {"sk_live_", 16},
            {"rk_live_", 16}, {"hf_", 30},   {"npm_", 30},  {"pypi-", 30},  {"eyJ", 40}};
static const char *const names[] = {"password",   "passwd",     "passphrase",  "secret",     "token",
                                    "api key",    "api_key",    "api-key",     "apikey",     "access key",
                                    "access_key", "access-key", "private key", "private_key"};

static bool is_key(const char *s)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const size_t n = strlen(keys[i].begin);
        if (strncmp(s, keys[i].begin, n) == 0 && strspn(s + n, letters) >= keys[i].more)
            return true;
    }
    return false;
}

static bool is_named(const char *s)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const size_t n = strlen(names[i]);
        if (strncasecmp(s, names[i], n) != 0)
            continue;
        const char *at = s + n + strspn(s + n, "\"' \t");
        if ((*at == ':' || *at == '=') &&
            strcspn(at + 1 + strspn(at + 1, "\"' \t"), "\"' \t\r\n") >= SHORTEST_SECRET)
            return true;
    }
    return false;
}

static bool is_address(const char *s)
{
    if (strncmp(s, "://", 3) != 0)
        return false;
    const size_t n = strcspn(s + 3, "/ \t\r\n"), at = strcspn(s + 3, "@");
    return at < n && strcspn(s + 3, ":") < at;
}

bool looks_secret(const char *text)
{
    for (const char *s = text; *s; s++)
        if (((s == text || !isalnum((unsigned char)s[-1])) && (is_key(s) || is_named(s))) || is_address(s) ||
            strncmp(s, "PRIVATE KEY-----", 16) == 0)
            return true;
    return false;
}
