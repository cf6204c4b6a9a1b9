/* mcp.h - tools of other programs, by the Model Context Protocol: JSON-RPC 2.0, a message a line, or a message a
 * POST (modelcontextprotocol.io, 2024-11-05 to 2026-07-28).
 *
 * A spec names the servers; each is started, or connected to, when a run begins. Its tools are SERVER/TOOL for the
 * model, for the policy and in pins. What a server says is never trusted: names, descriptions, schemas and results
 * have limits, and a description that the user has not seen, or that has changed since, is asked about first. */
#ifndef LAM_MCP_H
#define LAM_MCP_H

#include "../lam.h"

#include <sys/types.h>

#define MODERN    "2026-07-28" /* the first version without sessions, and the one that is spoken */
#define CANCELLED "notifications/cancelled"
enum {
    LONGEST_MESSAGE = 4 << 20, /* bytes */
    MOST_NOISE = 10000,        /* messages in a row that are no answer */
    MOST_TOOLS = 256,          /* of all servers */
    LONGEST_SCHEMA = 65536,
    LONGEST_DESCRIPTION = 4000, /* that a person is shown */
    SHORT_DESCRIPTION = 300     /* that the model is shown */
};

/* --- process.c: a program whose descendants all end with it --- */
struct process {
    pid_t keeper; /* 0: none */
    int in, out, err, lifeline;
};
/* argv and environment are NULL-terminated; `folder`: where it runs. */
viv_status process_start(const viv_host *host, const char *name, char *const *argv, char *const *environment,
                         int folder, struct process *out);
/* Closes its standard input, and waits a little; then it, and all that it has started, is killed. */
void process_end(struct process *p);

/* --- a way for messages --- */
struct mcp_client;
struct wire {
    /* A message that is one line without its line feed. method and tool: what it is, for headers; or NULL. */
    viv_status (*send)(struct mcp_client *c, const char *text, size_t n, const char *method, const char *tool,
                       int64_t deadline);
    /* The next message; *out is NULL where one was no JSON object. VIV_ENOTFOUND: time is over. */
    viv_status (*receive)(struct mcp_client *c, int64_t deadline, json_t **out);
    void (*close)(struct mcp_client *c);
};
/* stdio.c, http.c */
viv_status stdio_open(struct mcp_client *c, const json_t *settings, int folder);
viv_status http_open(struct mcp_client *c, const json_t *settings);

/* --- client.c: requests and their answers --- */
struct mcp_client {
    const viv_host *host;
    const char *name; /* of the server; borrowed */
    const struct wire *wire;
    void *state; /* the wire's */
    bool modern; /* 2026-07-28 and after: no session, each request says who asks */
    char version[16];
    int64_t seconds;        /* that an answer may take */
    const uint32_t *cancel; /* or NULL */
    json_int_t last_id;
    bool tools_changed; /* it has said so */
    bool refused;       /* the user said no to its tools: others are not asked about in this run */
    char unread[200];   /* why the last message that was none could not be read; or "" */
    bool deep;          /* it had too many levels, so that it was meant as one */
};
/* A message; NULL: it is no JSON object, and `unread` says why. */
json_t *client_read(struct mcp_client *c, const char *bytes, size_t n);
/* The name and version that we say, as a client and as a server. New. */
json_t *mcp_who(void);
/* Finds out which era of the protocol it speaks. */
viv_status client_connect(struct mcp_client *c);
/* *result is new. Takes ownership of params. An error of the server is VIV_EINVAL. */
viv_status client_request(struct mcp_client *c, const char *method, json_t *params, const char *tool,
                          json_t **result);
void client_close(struct mcp_client *c);

/* --- mcp.c: the servers of a run, and their tools --- */
struct mcp_tool {
    char *name; /* SERVER/TOOL */
    size_t server;
    json_t *schema;    /* of its arguments */
    char *description; /* one line for the model */
    char *shown;       /* for people */
    char digest[65];   /* of all that the server says of it */
};
struct mcp {
    const viv_host *host;
    const viv_generator *generator;
    struct mcp_client *clients;
    const json_t **settings; /* of each; borrowed */
    size_t n_clients;
    struct mcp_tool *tools;
    size_t n_tools;
};
/* Whether a grammar can be made of a schema; flags: those of viv_grammar. */
bool mcp_can_be_kept(const struct mcp *m, const json_t *schema, uint64_t flags);
/* Starts the servers, and lists their tools. Fails when one cannot be had. generator: says which schemas can be
 * kept to. */
viv_status mcp_open(const viv_host *host, const struct settings *s, const viv_generator *generator, int folder,
                    const uint32_t *cancel, struct mcp *out);
void mcp_close(struct mcp *m);          /* accepts a zeroed struct */
void mcp_drop(struct mcp *m, size_t i); /* a tool */
const struct mcp_tool *mcp_find(const struct mcp *m, const char *name);
/* Whether the tools of a server have changed since they were listed; then lists them anew. */
viv_status mcp_refresh(struct mcp *m, bool *changed);
/* The choices of a step, and what they refer to. */
void mcp_schemas(const struct mcp *m, json_t *choices, json_t *defs);
void mcp_describe(const struct mcp *m, struct text *out);
/* Whether the user trusts a tool's server: what it returns does not taint. */
bool mcp_is_trusted(const struct mcp *m, const char *tool);

/* --- pins.c: descriptions that the user has seen, kept with the user --- */

/* Asks about those of each server that are new or have changed; what is not approved is dropped. */
viv_status pins_settle(struct mcp *m, const struct journal *j, const struct events *e);

#endif
