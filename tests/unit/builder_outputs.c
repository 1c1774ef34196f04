// What a build left, held against what its spec says: each way to be wrong has its message, and what is right ends up
// in the store, output by output.
#include "builder/outputs.h"
#include "elf_maker.h"
#include "store_helper.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define AT "build.ncl:7:5: "

typedef struct Case {
    Fixture *fixture;
    Package package;
    Output outputs[8];
    ComposeTree closure[8], build_root[8];
    OutputsRequest request;
    Buf notes;
} Case;

static void take_note(void *context, Str note) {
    Case *test = context;
    buf_printf(&test->notes, "%.*s\n", STR_ARG(note));
}

static Case *new_case(Fixture *fixture) {
    Case *test = ARENA_NEW(fixture->arena, Case);
    test->fixture = fixture;
    test->package = (Package){.name = STR("pkg"), .target = {ARCH_AMD64, OS_LINUX}, .outputs = test->outputs};
    test->request = (OutputsRequest){.store = fixture->store,
                                     .package = &test->package,
                                     .closure = test->closure,
                                     .closure_complete = true,
                                     .build_root = test->build_root,
                                     .note = take_note,
                                     .context = test};
    buf_init(&test->notes, BUF_NO_LIMIT);
    ok(fd_make_dirs(fixture->dirfd, "out"));
    return test;
}

static Output *add_output(Case *test, const char *name, OutputType type, const char *glob) {
    Output *output = &test->outputs[test->package.output_count++];
    *output = (Output){
        .name = str_from(name), .type = type, .glob = str_from(glob), .span = {STR("build.ncl"), 7, 5, 7, 9, {0}}};
    return output;
}

static void add_closure(Case *test, const char *dir, const char *package, bool prebuilt) {
    Tree tree = add_tree(test->fixture, dir, false);
    test->closure[test->request.closure_count++] =
        (ComposeTree){{str_from(package), STR("files"), false, prebuilt}, tree.hash};
}

static Error *collect(Case *test, RecordOutput **outputs, size_t *count) {
    AUTO_FD int fd = -1;
    ok(fd_open(test->fixture->dirfd, "out", O_RDONLY | O_DIRECTORY, 0, &fd));
    test->request.dirfd = fd;
    Error *error = outputs_collect(&test->request, test->fixture->arena, outputs, count);
    buf_add_byte(&test->notes, '\0');
    test->notes.len--;
    return error;
}

static void fails(Case *test, ErrorKind kind, const char *message) {
    RecordOutput *outputs;
    size_t count;
    assert_fails(test->fixture, collect(test, &outputs, &count), kind, message);
    buf_release(&test->notes);
}

static void succeeds(Case *test, const char *notes) {
    RecordOutput *outputs;
    size_t count;
    ok(collect(test, &outputs, &count));
    assert_string_equal(test->notes.ptr, notes);
    buf_release(&test->notes);
}

static void write_elf(const Fixture *fixture, const char *path, ElfMaker maker, mode_t mode) {
    AUTO_BUF Buf bytes;
    buf_init(&bytes, BUF_NO_LIMIT);
    make_elf(&maker, &bytes);
    write_file(fixture, path, "", 0644);
    AUTO_FD int fd = -1;
    ok(fd_open(fixture->dirfd, path, O_WRONLY, 0, &fd));
    ok(fd_write_all(fd, bytes.ptr, bytes.len));
    assert_int_equal(fchmod(fd, mode), 0);
}

static void link_to(const Fixture *fixture, const char *target, const char *path) {
    assert_int_equal(symlinkat(target, fixture->dirfd, path), 0);
}

// ---- matching ----

static void test_outputs_by_glob(void **state) {
    Case *test = new_case(*state);
    Fixture *fixture = *state;
    write_file(fixture, "out/usr/bin/x", "#!/usr/bin/x\n", 0755);
    write_file(fixture, "out/usr/share/doc/a", "a", 0644);
    write_file(fixture, "out/usr/share/doc/sub/b", "b", 0644);
    write_file(fixture, "out/usr/share/left", "nobody's", 0644);
    link_to(fixture, "x", "out/usr/bin/y");
    add_output(test, "bins", OUTPUT_BIN, "usr/bin/*");
    add_output(test, "docs", OUTPUT_DATA, "usr/share/doc/**");
    add_output(test, "one", OUTPUT_DATA, "usr/share/doc/a"); // a file may be in several
    RecordOutput *outputs;
    size_t count;
    ok(collect(test, &outputs, &count));
    assert_int_equal(count, 3);
    static const struct {
        const char *name;
        const char *paths[3];
    } want[] = {{"bins", {"usr/bin/x", "usr/bin/y"}},
                {"docs", {"usr/share/doc/a", "usr/share/doc/sub/b"}},
                {"one", {"usr/share/doc/a"}}};
    for (size_t i = 0; i < count; i++) {
        Tree tree;
        assert_true(str_is(outputs[i].name, want[i].name));
        ok(store_read_tree(fixture->store, outputs[i].tree, fixture->arena, &tree));
        assert_int_equal(tree.count, i < 2 ? 2 : 1);
        for (size_t j = 0; j < tree.count; j++)
            assert_true(str_is(tree.entries[j].path, want[i].paths[j]));
    }
    buf_release(&test->notes);
}

static void test_a_prebuilt_without_outputs_gives_all(void **state) {
    Case *test = new_case(*state);
    Fixture *fixture = *state;
    test->package.prebuilt = true;
    test->request.owned = true;
    write_file(fixture, "out/usr/bin/x", "x", 0755);
    write_file(fixture, "out/etc/y", "y", 0644);
    RecordOutput *outputs;
    size_t count;
    ok(collect(test, &outputs, &count));
    assert_int_equal(count, 1);
    assert_true(str_is(outputs[0].name, "all"));
    assert_int_equal(outputs[0].file_count, 2);
    buf_release(&test->notes);
}

static void test_a_build_without_outputs_gives_none(void **state) {
    Case *test = new_case(*state);
    write_file(*state, "out/usr/bin/x", "x", 0755);
    RecordOutput *outputs;
    size_t count;
    ok(collect(test, &outputs, &count));
    assert_int_equal(count, 0);
    buf_release(&test->notes);
}

static void test_no_match(void **state) {
    Case *test = new_case(*state);
    write_file(*state, "out/usr/bin/jq", "x", 0755);
    write_file(*state, "out/usr/lib/y", "x", 0755);
    add_output(test, "libs", OUTPUT_LIB, "usr/lib/*.so");
    fails(test, ERROR_NOT_FOUND,
          AT
          "'pkg', output 'libs': nothing matches the glob 'usr/lib/*.so'\nhint: what there is: usr/lib/y, usr/bin/jq");
}

static void test_no_match_in_nothing(void **state) {
    Case *test = new_case(*state);
    add_output(test, "bins", OUTPUT_BIN, "usr/bin/*");
    fails(test, ERROR_NOT_FOUND,
          AT
          "'pkg', output 'bins': nothing matches the glob 'usr/bin/*'\nhint: nothing was installed into $OUTPUT_DIR");
}

static void test_no_match_of_an_absolute_glob(void **state) {
    Case *test = new_case(*state);
    write_file(*state, "out/usr/bin/jq", "x", 0755);
    add_output(test, "bins", OUTPUT_BIN, "/usr/bin/*");
    fails(test, ERROR_NOT_FOUND,
          AT "'pkg', output 'bins': nothing matches the glob '/usr/bin/*'\n"
             "hint: globs are matched against paths like usr/bin/x, without a slash in front");
}

static void test_a_wrong_glob(void **state) {
    Case *test = new_case(*state);
    write_file(*state, "out/usr/bin/jq", "x", 0755);
    add_output(test, "bins", OUTPUT_BIN, "usr/bin/[");
    fails(test, ERROR_INVALID, AT "'pkg', output 'bins': glob 'usr/bin/[', character 9: this '[' has no ']'");
}

static void test_specials_are_refused(void **state) {
    Case *test = new_case(*state);
    Fixture *fixture = *state;
    write_file(fixture, "out/usr/share/a", "x", 0644);
    assert_int_equal(mkfifoat(fixture->dirfd, "out/usr/share/pipe", 0644), 0);
    add_output(test, "data", OUTPUT_DATA, "usr/share/**");
    fails(test, ERROR_INVALID, AT "'pkg', output 'data': usr/share/pipe is a fifo; outputs hold files and links");
}

static void test_sockets_are_refused(void **state) {
    Case *test = new_case(*state);
    Fixture *fixture = *state;
    write_file(fixture, "out/usr/share/a", "x", 0644);
    AUTO_FD int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%.60s/out/usr/share/s", fixture->path);
    assert_int_equal(bind(sock, (struct sockaddr *)&address, sizeof address), 0);
    add_output(test, "data", OUTPUT_DATA, "usr/share/**");
    fails(test, ERROR_INVALID, AT "'pkg', output 'data': usr/share/s is a socket; outputs hold files and links");
}

static void test_a_special_that_nobody_asks_for_is_left(void **state) {
    Case *test = new_case(*state);
    Fixture *fixture = *state;
    write_file(fixture, "out/usr/share/a", "x", 0644);
    assert_int_equal(mkfifoat(fixture->dirfd, "out/usr/share/pipe", 0644), 0);
    add_output(test, "data", OUTPUT_DATA, "usr/share/a");
    succeeds(test, "");
}

static void test_unreadable_directories_are_read(void **state) {
    Case *test = new_case(*state);
    Fixture *fixture = *state;
    write_file(fixture, "out/usr/share/d/a", "x", 0200);
    assert_int_equal(fchmodat(fixture->dirfd, "out/usr/share/d", 0, 0), 0);
    add_output(test, "data", OUTPUT_DATA, "usr/share/d/*");
    succeeds(test, "");
}

static void test_a_directory_where_the_box_has_a_link(void **state) {
    Case *test = new_case(*state);
    write_file(*state, "out/lib64/libx.so", "x", 0644);
    add_output(test, "data", OUTPUT_DATA, "**");
    fails(test, ERROR_CONFLICT,
          "/lib64 is a directory in 'pkg', but in every root it is a link to usr/lib\n"
          "hint: install into usr/lib instead");
}

static void test_the_link_that_was_made_before_is_not_taken(void **state) {
    Case *test = new_case(*state);
    Fixture *fixture = *state;
    write_file(fixture, "out/usr/lib/a", "x", 0644);
    link_to(fixture, "lib", "out/usr/lib64");
    add_output(test, "data", OUTPUT_DATA, "usr/**");
    RecordOutput *outputs;
    size_t count;
    ok(collect(test, &outputs, &count));
    assert_int_equal(outputs[0].file_count, 1);
    buf_release(&test->notes);
}

// ---- types ----

static const ElfMaker program = {.type = ET_DYN, .machine = EM_X86_64};

static void test_types_that_fit(void **state) {
    Case *test = new_case(*state);
    Fixture *fixture = *state;
    write_elf(fixture, "out/usr/bin/dyn", program, 0755);
    write_elf(fixture, "out/usr/bin/exec", (ElfMaker){.type = ET_EXEC, .machine = EM_X86_64}, 0755);
    write_file(fixture, "out/usr/bin/script", "#! /bin/dyn -e\n", 0755);
    write_elf(fixture, "out/usr/lib/a.so", program, 0644);
    write_elf(fixture, "out/usr/lib/a.o", (ElfMaker){.type = ET_REL, .machine = EM_X86_64}, 0644);
    write_file(fixture, "out/usr/lib/a.a", "!<arch>\n", 0644);
    write_file(fixture, "out/usr/lib/b.so", "/* GNU ld script */\nGROUP ( a.so )\n", 0644);
    write_file(fixture, "out/usr/share/text", "any", 0644);
    add_output(test, "bins", OUTPUT_BIN, "usr/bin/*");
    add_output(test, "data", OUTPUT_DATA, "usr/share/*");
    add_output(test, "libs", OUTPUT_LIB, "usr/lib/*");
    succeeds(test, "");
}

typedef struct TypeCase {
    OutputType type;
    const char *glob, *message;
} TypeCase;

static const TypeCase wrong_types[] = {
    {OUTPUT_BIN, "usr/bin/text",
     AT "'pkg', output 'o': usr/bin/text is neither a program (ELF) nor a script ('#!')\n"
        "hint: files that are no programs belong into an OutputData or OutputLib"},
    {OUTPUT_BIN, "usr/bin/empty",
     AT "'pkg', output 'o': usr/bin/empty is neither a program (ELF) nor a script ('#!')\n"
        "hint: files that are no programs belong into an OutputData or OutputLib"},
    {OUTPUT_BIN, "usr/bin/object", AT "'pkg', output 'o': usr/bin/object is an ELF file, but no program"},
    {OUTPUT_BIN, "usr/bin/arm", AT "'pkg', output 'o': usr/bin/arm is for arm64, but the package is for amd64"},
    {OUTPUT_BIN, "usr/bin/other",
     AT "'pkg', output 'o': usr/bin/other is for machine 243, but the package is for amd64"},
    {OUTPUT_BIN, "usr/bin/torn", AT "'pkg', output 'o': usr/bin/torn is a damaged ELF file: class 0, byte order 0"},
    {OUTPUT_BIN, "usr/bin/script",
     AT "'pkg', output 'o': usr/bin/script is a script for /usr/bin/perl, which neither the package nor its runtime "
        "dependencies have\n"
        "hint: add the package that has it to runtime_deps, or say allow_missing_interpreter = true"},
    {OUTPUT_BIN, "usr/bin/relative",
     AT "'pkg', output 'o': usr/bin/relative begins with '#!', but names no interpreter by its full path"},
    {OUTPUT_LIB, "usr/bin/text",
     AT "'pkg', output 'o': usr/bin/text is no library, object, archive or linker script\n"
        "hint: narrow the glob, or say allow_data = true"},
    {OUTPUT_LIB, "usr/bin/script",
     AT "'pkg', output 'o': usr/bin/script is no library, object, archive or linker script\n"
        "hint: narrow the glob, or say allow_data = true"},
    {OUTPUT_LIB, "usr/bin/exec", AT "'pkg', output 'o': usr/bin/exec is an ELF file, but no library or object"},
    {OUTPUT_LIB, "usr/bin/arm", AT "'pkg', output 'o': usr/bin/arm is for arm64, but the package is for amd64"},
    {OUTPUT_LIB, "usr/bin/torn", AT "'pkg', output 'o': usr/bin/torn is a damaged ELF file: class 0, byte order 0"},
    {OUTPUT_DATA, "usr/bin/object",
     AT "'pkg', output 'o': usr/bin/object is an ELF object, not data\n"
        "hint: put it into an OutputBin or OutputLib, or say allow_executable = true"},
    {OUTPUT_DATA, "usr/bin/arm",
     AT "'pkg', output 'o': usr/bin/arm is an ELF object, not data\n"
        "hint: put it into an OutputBin or OutputLib, or say allow_executable = true"},
};

static void write_wrong_files(Fixture *fixture) {
    write_file(fixture, "out/usr/bin/text", "just text\n", 0755);
    write_file(fixture, "out/usr/bin/empty", "", 0755);
    write_file(fixture, "out/usr/bin/torn", "\177ELF", 0755);
    write_file(fixture, "out/usr/bin/script", "#!/usr/bin/perl\n", 0755);
    write_file(fixture, "out/usr/bin/relative", "#! perl\n", 0755);
    write_elf(fixture, "out/usr/bin/object", (ElfMaker){.type = ET_REL, .machine = EM_X86_64}, 0755);
    write_elf(fixture, "out/usr/bin/exec", (ElfMaker){.type = ET_EXEC, .machine = EM_X86_64}, 0755);
    write_elf(fixture, "out/usr/bin/arm", (ElfMaker){.type = ET_DYN, .machine = EM_AARCH64}, 0755);
    write_elf(fixture, "out/usr/bin/other", (ElfMaker){.type = ET_DYN, .machine = EM_RISCV}, 0755);
}

static void test_types_that_do_not_fit(void **state) {
    write_wrong_files(*state);
    for (size_t i = 0; i < ARRAY_LEN(wrong_types); i++) {
        Case *test = new_case(*state);
        add_output(test, "o", wrong_types[i].type, wrong_types[i].glob);
        fails(test, ERROR_INVALID, wrong_types[i].message);
    }
}

static void test_types_that_the_spec_allows(void **state) {
    write_wrong_files(*state);
    Case *test = new_case(*state);
    add_output(test, "bins", OUTPUT_BIN, "usr/bin/{script,relative}")->allow_missing_interpreter = true;
    add_output(test, "data", OUTPUT_DATA, "usr/bin/{arm,object}")->allow_executable = true;
    add_output(test, "libs", OUTPUT_LIB, "usr/bin/{text,exec}")->allow_data = true;
    succeeds(test, "");
}

static void test_an_interpreter_of_the_closure(void **state) {
    Case *test = new_case(*state);
    Fixture *fixture = *state;
    write_file(fixture, "perl/usr/bin/perl", "x", 0755);
    write_file(fixture, "out/usr/bin/script", "#!/bin/perl -w\nprint", 0755);
    add_closure(test, "perl", "perl", true);
    add_output(test, "bins", OUTPUT_BIN, "usr/bin/*");
    succeeds(test, "");
}

static void test_a_prebuilt_may_lack_its_interpreter(void **state) {
    Case *test = new_case(*state);
    test->package.prebuilt = true;
    write_file(*state, "out/usr/bin/script", "#!/usr/bin/perl\n", 0755);
    add_output(test, "bins", OUTPUT_BIN, "usr/bin/*");
    succeeds(test,
             "usr/bin/script is a script for /usr/bin/perl, which neither the package nor its runtime dependencies "
             "have\n");
}

// ---- links ----

static void test_links_that_lead_somewhere(void **state) {
    Case *test = new_case(*state);
    Fixture *fixture = *state;
    write_file(fixture, "libc/usr/lib/libc.so.6", "x", 0644);
    write_file(fixture, "out/usr/share/a", "x", 0644);
    link_to(fixture, "a", "out/usr/share/rel");
    link_to(fixture, "/usr/share/a", "out/usr/share/abs");
    link_to(fixture, "../lib/libc.so.6", "out/usr/share/other");
    link_to(fixture, "/lib64/libc.so.6", "out/usr/share/merged");
    link_to(fixture, "/proc/mounts", "out/usr/share/box");
    add_closure(test, "libc", "libc", true);
    add_output(test, "data", OUTPUT_DATA, "usr/share/*");
    succeeds(test, "");
}

static void test_links_that_do_not(void **state) {
    static const struct {
        const char *target;
        ErrorKind kind;
        const char *message;
    } cases[] = {
        {"nothing", ERROR_NOT_FOUND,
         "'pkg': the link usr/share/l -> nothing leads nowhere: neither the package's outputs nor its runtime "
         "dependencies have usr/share/nothing\n"
         "hint: is there an output whose glob takes usr/share/nothing?"},
        {"left", ERROR_NOT_FOUND, // it was made, but no output takes it
         "'pkg': the link usr/share/l -> left leads nowhere: neither the package's outputs nor its runtime "
         "dependencies have usr/share/left\n"
         "hint: is there an output whose glob takes usr/share/left?"},
        {"../../../etc/passwd", ERROR_INVALID, "'pkg': the link usr/share/l -> ../../../etc/passwd leaves the root"},
        {"l", ERROR_INVALID, "'pkg': the link usr/share/l -> l goes in circles"},
        {"/usr/nothing", ERROR_NOT_FOUND,
         "'pkg': the link usr/share/l -> /usr/nothing leads nowhere: neither the package's outputs nor its runtime "
         "dependencies have usr/nothing\n"
         "hint: is there an output whose glob takes usr/nothing?"},
    };
    Fixture *fixture = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Case *test = new_case(fixture);
        write_file(fixture, "out/usr/share/left", "x", 0644);
        unlinkat(fixture->dirfd, "out/usr/share/l", 0);
        link_to(fixture, cases[i].target, "out/usr/share/l");
        add_output(test, "data", OUTPUT_DATA, "usr/share/l");
        fails(test, cases[i].kind, cases[i].message);
    }
}

static void test_a_prebuilt_may_dangle_but_not_leave(void **state) {
    Fixture *fixture = *state;
    Case *test = new_case(fixture);
    test->package.prebuilt = true;
    write_file(fixture, "out/usr/share/a", "x", 0644);
    link_to(fixture, "nothing", "out/usr/share/l");
    add_output(test, "data", OUTPUT_DATA, "usr/share/*");
    succeeds(test, "the link usr/share/l -> nothing leads nowhere: there is no usr/share/nothing\n");
    test = new_case(fixture);
    test->package.prebuilt = true;
    link_to(fixture, "../../../x", "out/usr/share/m");
    add_output(test, "data", OUTPUT_DATA, "usr/share/*");
    fails(test, ERROR_INVALID, "'pkg': the link usr/share/m -> ../../../x leaves the root");
}

// ---- needed libraries ----

static const char *const needs_z[] = {"libz.so.1", NULL};

static void test_libraries_are_found(void **state) {
    Case *test = new_case(*state);
    Fixture *fixture = *state;
    static const char *const needs[] = {"libz.so.1", "libc.so.6", "libown.so", "libpriv.so", NULL};
    write_elf(fixture, "z/usr/lib/libz.so.1", program, 0644);
    write_elf(fixture, "libc/usr/lib/x86_64-linux-gnu/libc.so.6", program, 0644);
    write_elf(fixture, "out/usr/lib/libown.so", program, 0644);
    write_elf(fixture, "out/usr/lib/pkg/libpriv.so", program, 0644);
    write_elf(fixture, "out/usr/bin/x", (ElfMaker){ET_DYN, EM_X86_64, needs, "/nowhere:$ORIGIN/../lib/pkg:/usr/lib"},
              0755);
    add_closure(test, "z", "zlib", false);
    add_closure(test, "libc", "libc", true);
    add_output(test, "all", OUTPUT_DATA, "usr/**")->allow_executable = true;
    succeeds(test, "usr/bin/x needs libz.so.1: 'zlib' has it as usr/lib/libz.so.1\n"
                   "usr/bin/x needs libc.so.6: 'libc' has it as usr/lib/x86_64-linux-gnu/libc.so.6\n"
                   "usr/bin/x needs libown.so: 'pkg' has it as usr/lib/libown.so\n"
                   "usr/bin/x needs libpriv.so: 'pkg' has it as usr/lib/pkg/libpriv.so\n");
}

static void test_a_library_that_nobody_declares(void **state) {
    Case *test = new_case(*state);
    Fixture *fixture = *state;
    write_elf(fixture, "z/usr/lib/libz.so.1", program, 0644);
    write_elf(fixture, "out/usr/bin/x", (ElfMaker){ET_DYN, EM_X86_64, needs_z, NULL}, 0755);
    add_output(test, "bins", OUTPUT_BIN, "usr/bin/*");
    Tree tree = add_tree(fixture, "z", false);
    test->build_root[0] = (ComposeTree){{STR("zlib"), STR("libs"), false, false}, tree.hash};
    test->request.build_root_count = 1;
    fails(test, ERROR_NOT_FOUND,
          "'pkg': usr/bin/x needs the library libz.so.1, which neither the package nor its runtime dependencies have\n"
          "hint: 'zlib' has it: add it to runtime_deps");
}

static void test_a_library_that_nobody_has(void **state) {
    Case *test = new_case(*state);
    write_elf(*state, "out/usr/bin/x", (ElfMaker){ET_DYN, EM_X86_64, needs_z, NULL}, 0755);
    add_output(test, "bins", OUTPUT_BIN, "usr/bin/*");
    fails(test, ERROR_NOT_FOUND,
          "'pkg': usr/bin/x needs the library libz.so.1, which neither the package nor its runtime dependencies have\n"
          "hint: add the package that has it to runtime_deps");
}

static void test_a_library_that_is_shadowed(void **state) {
    Fixture *fixture = *state;
    write_elf(fixture, "ours/usr/lib/libz.so.1", program, 0644);
    write_elf(fixture, "theirs/usr/lib/x86_64-linux-gnu/libz.so.1", (ElfMaker){ET_DYN, EM_X86_64, NULL, "/x"}, 0644);
    for (int with_runpath = 0; with_runpath < 2; with_runpath++) {
        Case *test = new_case(fixture);
        write_elf(fixture, "out/usr/bin/x", (ElfMaker){ET_DYN, EM_X86_64, needs_z, with_runpath ? "/usr/lib" : NULL},
                  0755);
        add_closure(test, "ours", "zlib", false);
        add_closure(test, "theirs", "debian-zlib1g", true);
        add_output(test, "bins", OUTPUT_BIN, "usr/bin/*");
        if (with_runpath)
            succeeds(test, "usr/bin/x needs libz.so.1: 'zlib' has it as usr/lib/libz.so.1\n");
        else
            fails(test, ERROR_CONFLICT,
                  "'pkg': usr/bin/x would load usr/lib/x86_64-linux-gnu/libz.so.1 of 'debian-zlib1g' instead of "
                  "usr/lib/libz.so.1 of 'zlib'\n"
                  "hint: link it with -Wl,-rpath,/usr/lib");
    }
}

static void test_on_a_cycle_what_is_missing_is_noted(void **state) {
    Case *test = new_case(*state);
    test->request.closure_complete = false;
    write_elf(*state, "out/usr/bin/x", (ElfMaker){ET_DYN, EM_X86_64, needs_z, NULL}, 0755);
    add_output(test, "bins", OUTPUT_BIN, "usr/bin/*");
    succeeds(test, "usr/bin/x needs libz.so.1, which is not there yet\n");
}

static void test_a_prebuilt_is_not_asked_for_libraries(void **state) {
    Case *test = new_case(*state);
    test->package.prebuilt = true;
    write_elf(*state, "out/usr/bin/x", (ElfMaker){ET_DYN, EM_X86_64, needs_z, NULL}, 0755);
    add_output(test, "bins", OUTPUT_BIN, "usr/bin/*");
    succeeds(test, "");
}

static const struct CMUnitTest tests[] = {
    STORE_TEST(test_outputs_by_glob),
    STORE_TEST(test_a_prebuilt_without_outputs_gives_all),
    STORE_TEST(test_a_build_without_outputs_gives_none),
    STORE_TEST(test_no_match),
    STORE_TEST(test_no_match_in_nothing),
    STORE_TEST(test_no_match_of_an_absolute_glob),
    STORE_TEST(test_a_wrong_glob),
    STORE_TEST(test_specials_are_refused),
    STORE_TEST(test_sockets_are_refused),
    STORE_TEST(test_a_special_that_nobody_asks_for_is_left),
    STORE_TEST(test_unreadable_directories_are_read),
    STORE_TEST(test_a_directory_where_the_box_has_a_link),
    STORE_TEST(test_the_link_that_was_made_before_is_not_taken),
    STORE_TEST(test_types_that_fit),
    STORE_TEST(test_types_that_do_not_fit),
    STORE_TEST(test_types_that_the_spec_allows),
    STORE_TEST(test_an_interpreter_of_the_closure),
    STORE_TEST(test_a_prebuilt_may_lack_its_interpreter),
    STORE_TEST(test_links_that_lead_somewhere),
    STORE_TEST(test_links_that_do_not),
    STORE_TEST(test_a_prebuilt_may_dangle_but_not_leave),
    STORE_TEST(test_libraries_are_found),
    STORE_TEST(test_a_library_that_nobody_declares),
    STORE_TEST(test_a_library_that_nobody_has),
    STORE_TEST(test_a_library_that_is_shadowed),
    STORE_TEST(test_on_a_cycle_what_is_missing_is_noted),
    STORE_TEST(test_a_prebuilt_is_not_asked_for_libraries),
    cmocka_unit_test(passes_as_an_ordinary_user),
};

STORE_TESTS_MAIN(tests)
