// What a package promises about its files, held against the files: programs run, links lead somewhere, libraries are
// found by the loader in what the spec declares. A prebuilt package was made by others: what it lacks is noted.
#include "builder/output_check.h"
#include "base/fd.h"
#include "base/path.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { HEAD_SIZE = 4096 };

static Str arch_directory(Arch arch) {
    return arch == ARCH_AMD64 ? STR("usr/lib/x86_64-linux-gnu") : STR("usr/lib/aarch64-linux-gnu");
}

static uint16_t arch_machine(Arch arch) {
    return arch == ARCH_AMD64 ? EM_X86_64 : EM_AARCH64;
}

static const char *machine_name(uint16_t machine, char *number, size_t size) {
    switch (machine) {
    case EM_X86_64:
        return "amd64";
    case EM_AARCH64:
        return "arm64";
    case EM_386:
        return "32-bit x86";
    case EM_ARM:
        return "32-bit ARM";
    default:
        snprintf(number, size, "machine %u", machine);
        return number;
    }
}

static void note(const OutputChecker *checker, Str text) {
    if (checker->request->note)
        checker->request->note(checker->request->context, text);
}

// What is missing is an error only where all that could have it is known, and where we built it.
static bool tolerates(const OutputChecker *checker) {
    return checker->request->package->prebuilt || !checker->request->closure_complete;
}

// ---- looking into files ----

// The interpreter of "#!  path argument": text up to white space.
static Str script_interpreter(Str head) {
    Str line = head;
    (void)str_cut(&head, '\n', &line);
    line = str_trim(str_slice(line, 2, line.len));
    size_t end = 0;
    while (end < line.len && line.ptr[end] != ' ' && line.ptr[end] != '\t' && line.ptr[end] != '\r')
        end++;
    return str_slice(line, 0, end);
}

static bool is_linker_text(Str head) {
    static const char *const words[] = {"GROUP", "INPUT", "OUTPUT_FORMAT", "GNU ld script"};
    if (head.len && memchr(head.ptr, '\0', head.len))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_contains(head, str_from(words[i])))
            return true;
    return false;
}

static Error *look_elf(OutputChecker *checker, OutputFile *file, int fd, bool *is_elf) {
    Elf elf;
    Error *error = elf_read(fd, checker->arena, is_elf, &elf);
    if (!error && *is_elf)
        file->elf = arena_dup(checker->arena, &elf, sizeof elf);
    if (!error || error_kind(error) == ERROR_SYSTEM)
        return error;
    *is_elf = true;
    file->content = CONTENT_DAMAGED_ELF;
    file->damage = arena_str(checker->arena, str_from(error_text(error)));
    error_free(error);
    return NULL;
}

Error *output_look(OutputChecker *checker, OutputFile *file) {
    if (file->content != CONTENT_UNREAD)
        return NULL;
    AUTO_FD int fd = -1;
    TRY(fd_open_beneath(checker->request->dirfd, file->entry.path.ptr, O_RDONLY, &fd));
    bool is_elf;
    file->content = CONTENT_ELF;
    TRY_CTX(look_elf(checker, file, fd, &is_elf), "%.*s", STR_ARG(file->entry.path));
    if (is_elf)
        return NULL;
    char bytes[HEAD_SIZE];
    ssize_t got = pread(fd, bytes, sizeof bytes, 0);
    if (got < 0)
        return error_sys(errno, "cannot read %.*s", STR_ARG(file->entry.path));
    Str head = {bytes, (size_t)got};
    file->content = CONTENT_OTHER;
    if (str_starts_with(head, STR("#!"))) {
        file->content = CONTENT_SCRIPT;
        file->interpreter = arena_str(checker->arena, script_interpreter(head));
    } else if (str_starts_with(head, STR("!<arch>\n")) || str_starts_with(head, STR("!<thin>\n"))) {
        file->content = CONTENT_ARCHIVE;
    } else if (is_linker_text(head)) {
        file->content = CONTENT_LINKER_TEXT;
    }
    return NULL;
}

// ---- types ----

static Error *wrong(const OutputChecker *checker, const Output *output, const OutputFile *file, const char *what) {
    return error_at(error_new(ERROR_INVALID, "'%.*s', output '%.*s': %.*s %s", STR_ARG(checker->request->package->name),
                              STR_ARG(output->name), STR_ARG(file->entry.path), what),
                    output->span);
}

static Error *check_arch(const OutputChecker *checker, const Output *output, const OutputFile *file) {
    Arch arch = checker->request->package->target.arch;
    if (file->elf->machine == arch_machine(arch) && file->elf->is_64bit)
        return NULL;
    char number[32];
    Str what =
        arena_printf(checker->arena, "is for %s, but the package is for %s",
                     machine_name(file->elf->machine, number, sizeof number), arch == ARCH_AMD64 ? "amd64" : "arm64");
    return wrong(checker, output, file, what.ptr);
}

static Error *check_script(const OutputChecker *checker, const Output *output, const OutputFile *file) {
    if (output->allow_missing_interpreter)
        return NULL;
    if (file->interpreter.len == 0 || file->interpreter.ptr[0] != '/')
        return wrong(checker, output, file, "begins with '#!', but names no interpreter by its full path");
    const RootNode *node = NULL;
    Str missing;
    RootFound found = root_follow(checker->root, STR(""), file->interpreter, checker->arena, &node, &missing);
    if (found == ROOT_FOUND && node && node->kind != ROOT_DIR)
        return NULL;
    Str what = arena_printf(checker->arena,
                            "is a script for %.*s, which neither the package nor its runtime dependencies have",
                            STR_ARG(file->interpreter));
    if (tolerates(checker)) {
        note(checker, arena_printf(checker->arena, "%.*s %.*s", STR_ARG(file->entry.path), STR_ARG(what)));
        return NULL;
    }
    Error *error = wrong(checker, output, file, what.ptr);
    return error_hint(error, "add the package that has it to runtime_deps, or say allow_missing_interpreter = true");
}

static Error *check_bin(const OutputChecker *checker, const Output *output, const OutputFile *file) {
    switch (file->content) {
    case CONTENT_ELF:
        if (file->elf->type != ELF_TYPE_EXECUTABLE && file->elf->type != ELF_TYPE_SHARED)
            return wrong(checker, output, file, "is an ELF file, but no program");
        return check_arch(checker, output, file);
    case CONTENT_SCRIPT:
        return check_script(checker, output, file);
    case CONTENT_DAMAGED_ELF:
        return wrong(checker, output, file, arena_printf(checker->arena, "is a %.*s", STR_ARG(file->damage)).ptr);
    case CONTENT_UNREAD:
    case CONTENT_ARCHIVE:
    case CONTENT_LINKER_TEXT:
    case CONTENT_OTHER:
    default:
        return error_hint(wrong(checker, output, file, "is neither a program (ELF) nor a script ('#!')"),
                          "files that are no programs belong into an OutputData or OutputLib");
    }
}

static Error *check_lib(const OutputChecker *checker, const Output *output, const OutputFile *file) {
    if (output->allow_data)
        return NULL;
    switch (file->content) {
    case CONTENT_ELF:
        if (file->elf->type != ELF_TYPE_SHARED && file->elf->type != ELF_TYPE_RELOCATABLE)
            return wrong(checker, output, file, "is an ELF file, but no library or object");
        return check_arch(checker, output, file);
    case CONTENT_ARCHIVE:
    case CONTENT_LINKER_TEXT:
        return NULL;
    case CONTENT_DAMAGED_ELF:
        return wrong(checker, output, file, arena_printf(checker->arena, "is a %.*s", STR_ARG(file->damage)).ptr);
    case CONTENT_UNREAD:
    case CONTENT_SCRIPT:
    case CONTENT_OTHER:
    default:
        return error_hint(wrong(checker, output, file, "is no library, object, archive or linker script"),
                          "narrow the glob, or say allow_data = true");
    }
}

static Error *check_data(const OutputChecker *checker, const Output *output, const OutputFile *file) {
    bool is_object = file->content == CONTENT_ELF || file->content == CONTENT_DAMAGED_ELF;
    if (!is_object || output->allow_executable)
        return NULL;
    return error_hint(wrong(checker, output, file, "is an ELF object, not data"),
                      "put it into an OutputBin or OutputLib, or say allow_executable = true");
}

Error *output_check_type(OutputChecker *checker, const Output *output, OutputFile *file) {
    TRY(output_look(checker, file));
    switch (output->type) {
    case OUTPUT_BIN:
        return check_bin(checker, output, file);
    case OUTPUT_LIB:
        return check_lib(checker, output, file);
    case OUTPUT_DATA:
    default:
        return check_data(checker, output, file);
    }
}

// ---- links ----

Error *output_check_link(OutputChecker *checker, const OutputFile *file) {
    const Package *package = checker->request->package;
    const TreeEntry *entry = &file->entry;
    ptrdiff_t slash = str_rfind_byte(entry->path, '/');
    Str from = str_slice(entry->path, 0, slash > 0 ? (size_t)slash : 0);
    const RootNode *node;
    Str missing = STR("");
    switch (root_follow(checker->root, from, entry->link_target, checker->arena, &node, &missing)) {
    case ROOT_LEAVES:
        return error_new(ERROR_INVALID, "'%.*s': the link %.*s -> %.*s leaves the root", STR_ARG(package->name),
                         STR_ARG(entry->path), STR_ARG(entry->link_target));
    case ROOT_LOOP:
        return error_new(ERROR_INVALID, "'%.*s': the link %.*s -> %.*s goes in circles", STR_ARG(package->name),
                         STR_ARG(entry->path), STR_ARG(entry->link_target));
    case ROOT_MISSING:
        break;
    case ROOT_FOUND:
    default:
        return NULL;
    }
    if (tolerates(checker)) {
        note(checker, arena_printf(checker->arena, "the link %.*s -> %.*s leads nowhere: there is no %.*s",
                                   STR_ARG(entry->path), STR_ARG(entry->link_target), STR_ARG(missing)));
        return NULL;
    }
    Error *error =
        error_new(ERROR_NOT_FOUND,
                  "'%.*s': the link %.*s -> %.*s leads nowhere: neither the package's outputs nor its runtime "
                  "dependencies have %.*s",
                  STR_ARG(package->name), STR_ARG(entry->path), STR_ARG(entry->link_target), STR_ARG(missing));
    return error_hint(error, "is there an output whose glob takes %.*s?", STR_ARG(missing));
}

// ---- needed libraries ----

// One directory of a search path: $ORIGIN is the file's own directory.
static Str search_directory(const OutputChecker *checker, const OutputFile *file, Str text) {
    static const char *const names[] = {"$ORIGIN", "${ORIGIN}"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_starts_with(text, str_from(names[i])))
            return arena_printf(checker->arena, "/%.*s%.*s", STR_ARG(path_dir(file->entry.path)),
                                STR_ARG(str_slice(text, strlen(names[i]), text.len)));
    return text;
}

static const RootNode *node_at(const OutputChecker *checker, Str dir, Str name) {
    const RootNode *node = NULL;
    Str missing, path = arena_printf(checker->arena, "%.*s/%.*s", STR_ARG(dir), STR_ARG(name));
    if (root_follow(checker->root, STR(""), path, checker->arena, &node, &missing) != ROOT_FOUND || !node ||
        node->kind == ROOT_DIR)
        return NULL;
    return node;
}

// Where ld.so takes a library from. Debian's looks into its own directory before usr/lib; both are its default.
static const RootNode *load(const OutputChecker *checker, const OutputFile *file, Str name) {
    if (str_find_byte(name, '/') >= 0)
        return node_at(checker, STR(""), search_directory(checker, file, name));
    Str list = file->elf->runpath.len ? file->elf->runpath : file->elf->rpath, dir;
    while (str_cut(&list, ':', &dir)) {
        dir = search_directory(checker, file, dir);
        const RootNode *node = dir.len && dir.ptr[0] == '/' ? node_at(checker, dir, name) : NULL;
        if (node)
            return node;
    }
    const RootNode *node = node_at(checker, arch_directory(checker->request->package->target.arch), name);
    return node ? node : node_at(checker, STR("usr/lib"), name);
}

// Who of the build's root has the library, for a hint. Reads manifests: errors are on their way already.
static Str who_has(const OutputChecker *checker, Str name) {
    const OutputsRequest *request = checker->request;
    AUTO_ROOT Root *root = root_new(checker->arena);
    for (size_t i = 0; i < request->build_root_count; i++) {
        Tree tree;
        Error *error = store_read_tree(request->store, request->build_root[i].tree, checker->arena, &tree);
        if (!error)
            error = root_add(root, tree.entries, tree.count, &request->build_root[i].source, NULL, NULL);
        error_free(error);
    }
    const RootNode *node = root_find_name(root, name);
    return node && node->source ? node->source->package : STR_NULL;
}

static Error *not_found(const OutputChecker *checker, const OutputFile *file, Str name) {
    const Package *package = checker->request->package;
    const RootNode *elsewhere = root_find_name(checker->root, name);
    if (elsewhere && elsewhere->source) {
        note(checker, arena_printf(checker->arena,
                                   "%.*s needs %.*s: '%.*s' has it as %.*s, where the loader looks only when told to",
                                   STR_ARG(file->entry.path), STR_ARG(name), STR_ARG(elsewhere->source->package),
                                   STR_ARG(elsewhere->path)));
        return NULL;
    }
    if (tolerates(checker)) {
        note(checker, arena_printf(checker->arena, "%.*s needs %.*s, which is not there yet", STR_ARG(file->entry.path),
                                   STR_ARG(name)));
        return NULL;
    }
    Error *error = error_new(ERROR_NOT_FOUND,
                             "'%.*s': %.*s needs the library %.*s, which neither the package nor its runtime "
                             "dependencies have",
                             STR_ARG(package->name), STR_ARG(file->entry.path), STR_ARG(name));
    Str owner = who_has(checker, name);
    if (owner.ptr)
        return error_hint(error, "'%.*s' has it: add it to runtime_deps", STR_ARG(owner));
    return error_hint(error, "add the package that has it to runtime_deps");
}

// A library that we built, behind one of the same name that somebody else built: the loader would take the wrong one.
static Error *check_shadow(const OutputChecker *checker, const OutputFile *file, Str name, const RootNode *loaded) {
    const RootNode *ours = node_at(checker, STR("usr/lib"), name);
    if (!ours || ours == loaded || !ours->source || !loaded->source || ours->source->prebuilt ||
        !loaded->source->prebuilt)
        return NULL;
    Error *error = error_new(ERROR_CONFLICT, "'%.*s': %.*s would load %.*s of '%.*s' instead of %.*s of '%.*s'",
                             STR_ARG(checker->request->package->name), STR_ARG(file->entry.path), STR_ARG(loaded->path),
                             STR_ARG(loaded->source->package), STR_ARG(ours->path), STR_ARG(ours->source->package));
    return error_hint(error, "link it with -Wl,-rpath,/usr/lib");
}

Error *output_check_needed(OutputChecker *checker, OutputFile *file) {
    TRY(output_look(checker, file));
    if (file->content == CONTENT_DAMAGED_ELF)
        note(checker, arena_printf(checker->arena, "%.*s is a %.*s", STR_ARG(file->entry.path), STR_ARG(file->damage)));
    if (file->content != CONTENT_ELF || file->elf->machine != arch_machine(checker->request->package->target.arch) ||
        (file->elf->type != ELF_TYPE_EXECUTABLE && file->elf->type != ELF_TYPE_SHARED))
        return NULL;
    for (size_t i = 0; i < file->elf->needed.count; i++) {
        Str name = file->elf->needed.items[i];
        const RootNode *loaded = load(checker, file, name);
        if (!loaded) {
            TRY(not_found(checker, file, name));
            continue;
        }
        TRY(check_shadow(checker, file, name, loaded));
        note(checker, arena_printf(checker->arena, "%.*s needs %.*s: '%.*s' has it as %.*s", STR_ARG(file->entry.path),
                                   STR_ARG(name), STR_ARG(loaded->source ? loaded->source->package : STR("the box")),
                                   STR_ARG(loaded->path)));
    }
    return NULL;
}
