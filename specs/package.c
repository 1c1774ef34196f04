// Names of packages, outputs and targets, looked up: all that later stages ask of the plain structs.
// Lookups by name go through PackageSet.by_name, which is sorted (a set made by hand may leave it out).
#include "specs/package.h"

#include <stdlib.h>

bool target_parse(Str text, Target *out) {
    ptrdiff_t slash = str_find_byte(text, '/');
    if (slash < 0)
        return false;
    Str arch = str_slice(text, 0, (size_t)slash), os = str_slice(text, (size_t)slash + 1, text.len);
    Target target;
    if (str_is(arch, "amd64") || str_is(arch, "x86_64"))
        target.arch = ARCH_AMD64;
    else if (str_is(arch, "arm64") || str_is(arch, "aarch64"))
        target.arch = ARCH_ARM64;
    else
        return false;
    if (str_is(os, "linux"))
        target.os = OS_LINUX;
    else if (str_is(os, "macos"))
        target.os = OS_MACOS;
    else
        return false;
    *out = target;
    return true;
}

Str target_text(Target target) {
    if (target.os == OS_MACOS)
        return target.arch == ARCH_ARM64 ? STR("arm64/macos") : STR("amd64/macos");
    return target.arch == ARCH_ARM64 ? STR("arm64/linux") : STR("amd64/linux");
}

Target target_host(void) {
#if defined(__aarch64__)
    return (Target){ARCH_ARM64, OS_LINUX};
#elif defined(__x86_64__)
    return (Target){ARCH_AMD64, OS_LINUX};
#else
#error "no target for this architecture: see Arch in specs/package.h"
#endif
}

static PackageIndex find_unsorted(const PackageSet *set, Str name) {
    for (size_t i = 0; i < set->count; i++)
        if (str_eq(set->packages[i].name, name))
            return (PackageIndex)i;
    return PACKAGE_NONE;
}

PackageIndex package_find(const PackageSet *set, Str name) {
    if (!set->by_name)
        return find_unsorted(set, name);
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_compare(name, set->packages[set->by_name[middle]].name);
        if (order == 0)
            return set->by_name[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return PACKAGE_NONE;
}

Str package_nearest(const PackageSet *set, Str name) {
    Str *names = mem_alloc((set->count + 1) * sizeof *names);
    for (size_t i = 0; i < set->count; i++)
        names[i] = set->packages[i].name;
    Str nearest = str_nearest(name, names, set->count);
    free(names);
    return nearest;
}

Error *package_lookup(const PackageSet *set, Str name, PackageIndex *out) {
    *out = package_find(set, name);
    if (*out != PACKAGE_NONE)
        return NULL;
    Error *error = error_new(ERROR_NOT_FOUND, "there is no package '%.*s'", STR_ARG(name));
    Str nearest = package_nearest(set, name);
    if (nearest.ptr)
        return error_hint(error, "did you mean '%.*s'?", STR_ARG(nearest));
    return error_hint(error, "`minimal list` shows the packages that there are");
}

const Output *package_output(const Package *package, Str name) {
    for (size_t i = 0; i < package->output_count; i++)
        if (str_eq(package->outputs[i].name, name))
            return &package->outputs[i];
    return NULL;
}
