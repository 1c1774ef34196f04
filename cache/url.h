// URLs that a source may have, read as text: which scheme, and what of it goes over the wire.
#ifndef CACHE_URL_H
#define CACHE_URL_H

#include "base/arena.h"
#include "base/error.h"

enum { URL_MAX = 8192 };

typedef enum UrlScheme { URL_HTTP, URL_HTTPS, URL_FILE, URL_GS, URL_MIRROR } UrlScheme;

typedef struct Url {
    UrlScheme scheme;
    Str fetch;  // http, https, gs: what a server is asked for, escaped where it must be, without user and password
    Str secret; // "user:password", unescaped; empty: none
    Str shown;  // for messages: no user, password or query
    Str path;   // file: the absolute path, unescaped. mirror: what stands behind NAME/, as written
    Str mirror; // mirror: NAME
} Url;

// Everything in `out` lives in the arena; `shown` is set also when this fails. Errors (ERROR_INVALID, ERROR_LIMIT) say
// what is wrong and leave the URL to the caller.
MUST_CHECK Error *url_parse(Arena *arena, Str text, Url *out);

// base + "/" + the escaped path, as a URL of its own: what one base of a mirror makes of a mirror:// URL.
Str url_join(Arena *arena, Str base, Str path);

// Bytes that may not stand in a URL's path become %XX; a %XX that is there stays. `strict` also escapes what some
// servers misread in a path ("+" for a space): for paths that are file names.
Str url_escape_path(Arena *arena, Str path, bool strict);

// A URL for messages, whatever it is: control bytes, user, password and query left out.
Str url_show(Arena *arena, Str text);

#endif
