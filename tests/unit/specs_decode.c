// What a spec may say and must not say: each mistake is one line with the place, the path of the field and the reason.
#include "specs/load.h"
#include "tests/unit/specs_helper.h"

static SpecsOptions options_for(Target target) {
    return (SpecsOptions){.start = scratch("layer"), .home = STR(""), .target = target, .snapshot_dir = STR("")};
}

static Error *load(PackageSet **out) {
    SpecsOptions options = options_for((Target){ARCH_AMD64, OS_LINUX});
    return specs_load(&options, scratch_arena, out);
}

// The words that nearly every spec begins with.
#define IMPORT "let m = import \"minimal.ncl\" in\n"

static void write_spec(const char *name, const char *text) {
    write_file(arena_printf(scratch_arena, "layer/packages/%s/build.ncl", name).ptr, text);
}

static PackageSet *load_spec(const char *text) {
    PackageSet *set = NULL;
    write_spec("p", arena_printf(scratch_arena, IMPORT "%s", text).ptr);
    ok(load(&set));
    return set;
}

static const Package *package_named(const PackageSet *set, const char *name) {
    PackageIndex index = PACKAGE_NONE;
    ok(package_lookup(set, str_from(name), &index));
    return &set->packages[index];
}

// ---- what is read ----

static void reads_every_field(void **state) {
    (void)state;
    write_file("layer/packages/p/build.sh", "#!/bin/sh\n");
    write_spec("q",
               IMPORT "{ name = \"q\", build_deps = [], outputs = { libs = { glob = \"usr/lib/*\", allow_data = true }"
                      " | m.OutputLib, bins = { glob = \"usr/bin/*\" } | m.OutputBin } } | m.BuildSpec");
    const Package *p = package_named(
        load_spec(
            "let q = import \"../q/build.ncl\" in\n"
            "{\n"
            "  name = \"p\",\n"
            "  build_deps = [\n"
            "    { file = \"build.sh\" } | m.Local,\n"
            "    { url = \"https://example.org/dir/p-1.tar.xz?x#y\",\n"
            "      sha256 = \"0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef\",\n"
            "      mirrors = [\"mirror://debian/p-1.tar.xz\"], extract = true, strip_prefix = \"p-1\" } | m.Source,\n"
            "    q,\n"
            "  ],\n"
            "  runtime_deps = [m.subsetOf q [\"libs\", \"bins\", \"libs\"]],\n"
            "  cmds = [\"./build.sh 'a b'\", [\"make\", \"-j 4\"]],\n"
            "  build_args = { version = \"1\", a = \"b\" },\n"
            "  target = \"aarch64/linux\",\n"
            "  needs = { dns = {}, internet = {} },\n"
            "  network = { allow = [\"dns\", \"https:*.example.org\", \"tcp:[2001:db8::1]:443\", \"udp:h:1\"] },\n"
            "  prefer = [\"q\"],\n"
            "  outputs = { data = { glob = \"usr/share/**\", allow_executable = true } | m.OutputData },\n"
            "  tests = { t = m.standaloneTest \"p --version\",\n"
            "            b = { class = 'Build, cmds = [\"x\"], test_deps = [q, m.subsetOf q [\"bins\"]] } | m.Test },\n"
            "  attrs = { upstream_version = \"1\", build_cost_multiple = 2.5, redistributable = false,\n"
            "            license_spdx = [\"MIT\", \"ISC\"],\n"
            "            source_provenance = { category = 'GithubRepo, owner = \"o\", repo = \"r\",\n"
            "                                  releases = 'TagBased {} },\n"
            "            needed_for_internet = {} } | m.Attrs,\n"
            "} | m.BuildSpec\n"),
        "p");
    assert_int_equal(p->span.line, 3);
    assert_string_equal(p->span.file.ptr, "packages/p/build.ncl");
    assert_string_equal(p->dir.ptr, scratch("layer/packages/p").ptr);
    assert_int_equal(p->input_count, 3);
    assert_string_equal(p->inputs[0].local.path.ptr, scratch("layer/packages/p/build.sh").ptr);
    assert_true(hash_eq(p->inputs[0].local.sha256, hash_bytes(STR("#!/bin/sh\n"))));
    assert_false(p->inputs[0].local.is_exec);
    assert_int_equal(p->inputs[0].span.line, 6);
    assert_string_equal(p->inputs[1].source.name.ptr, "p-1.tar.xz");
    assert_string_equal(hash_hex(p->inputs[1].source.sha256).text,
                        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    assert_string_equal(p->inputs[1].source.mirrors.items[0].ptr, "mirror://debian/p-1.tar.xz");
    assert_true(p->inputs[1].source.extract && p->inputs[1].source.has_strip_prefix);
    assert_int_equal(p->inputs[2].kind, INPUT_PACKAGE);
    assert_false(p->inputs[2].package.is_subset);
    assert_int_equal(p->inputs[2].span.line, 5); // the array, which the package is not written in
    assert_int_equal(p->runtime_deps.items[0].outputs.count, 2);
    assert_string_equal(p->runtime_deps.items[0].outputs.items[0].ptr, "bins");
    assert_int_equal(p->commands.count, 2);
    assert_string_equal(p->commands.items[0].argv.items[1].ptr, "a b");
    assert_string_equal(p->commands.items[1].argv.items[1].ptr, "-j 4");
    assert_string_equal(p->build_args.items[0].name.ptr, "a");
    assert_int_equal(p->target.arch, ARCH_ARM64);
    assert_true(p->needs.dns && p->needs.internet);
    assert_int_equal(p->needs.allow.count, 4);
    assert_string_equal(p->prefer.items[0].ptr, "q");
    assert_true(p->outputs[0].allow_executable);
    assert_int_equal(p->test_count, 2);
    assert_int_equal(p->tests[0].class, TEST_BUILD);
    assert_int_equal(p->tests[0].deps.count, 2);
    assert_string_equal(p->tests[1].commands.items[0].argv.items[1].ptr, "--version");
    assert_string_equal(p->version.ptr, "1");
    assert_int_equal(p->cost, 2);
    assert_true(p->not_redistributable && p->needed_for_internet);
    const char *const attrs[] = {
        "build_cost_multiple=2.5",
        "license_spdx=[\"MIT\",\"ISC\"]",
        "needed_for_internet={}",
        "redistributable=false",
        ("source_provenance={\"category\":\"GithubRepo\",\"owner\":\"o\",\"releases\":{\"arg\":{},"
         "\"tag\":\"TagBased\"},\"repo\":\"r\"}"),
        "upstream_version=\"1\""};
    assert_int_equal(p->attr_count, ARRAY_LEN(attrs));
    for (size_t i = 0; i < p->attr_count; i++)
        assert_string_equal(arena_printf(scratch_arena, "%s=%s", p->attrs[i].name.ptr, p->attrs[i].json.ptr).ptr,
                            attrs[i]);
}

static void packages_are_sorted_and_found(void **state) {
    (void)state;
    write_spec("zz", IMPORT "{ name = \"zz\", build_deps = [import \"../aa/build.ncl\"] } | m.BuildSpec");
    write_spec("aa", IMPORT "{ name = \"aa\", build_deps = [] } | m.BuildSpec");
    const PackageSet *set = load_spec("{ name = \"p\", build_deps = [import \"../zz/build.ncl\"] } | m.BuildSpec");
    assert_int_equal(set->count, 3);
    assert_string_equal(set->packages[0].name.ptr, "aa");
    assert_string_equal(set->packages[set->packages[1].inputs[0].package.package].name.ptr, "zz");
    assert_string_equal(set->packages[set->packages[2].inputs[0].package.package].name.ptr, "aa");
    PackageIndex index;
    assert_fails(package_lookup(set, STR("ab"), &index), "there is no package 'ab' // did you mean 'aa'?");
    assert_fails(package_lookup(set, STR("nothing-like-it"), &index),
                 "there is no package 'nothing-like-it' // `minimal list` shows the packages that there are");
}

static void cycles_and_breakers_are_packages_once(void **state) {
    (void)state;
    write_spec("q", IMPORT "let p = import \"../p/build.ncl\" in let q = import \"build.ncl\" in\n"
                           "{ name = \"q\", build_deps = [p, q], runtime_deps = [p] } | m.BuildSpec");
    const PackageSet *set = load_spec(
        "let q = import \"../q/build.ncl\" in\n"
        "{ name = \"p\", build_deps = [q, q], replace_on_cycle = { name = \"p (prebuilt)\", prebuilt = true,\n"
        "    build_deps = [{ url = \"https://x.example/p.tar\", extract = true,\n"
        "      sha256 = \"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\" } | m.Source] }\n"
        "  | m.BuildSpec } | m.BuildSpec");
    assert_int_equal(set->count, 3);
    const Package *p = package_named(set, "p"), *q = package_named(set, "q");
    assert_string_equal(set->packages[p->breaker].name.ptr, "p (prebuilt)");
    assert_true(set->packages[p->breaker].prebuilt);
    assert_ptr_equal(&set->packages[p->inputs[0].package.package], q);
    assert_ptr_equal(&set->packages[p->inputs[1].package.package], q);
    assert_ptr_equal(&set->packages[q->inputs[0].package.package], p);
    assert_ptr_equal(&set->packages[q->inputs[1].package.package], q);
}

static void one_literal_may_make_many_packages(void **state) {
    (void)state;
    const PackageSet *set = load_spec("let make = fun n => { name = n, build_deps = [] } | m.BuildSpec in\n"
                                      "{ name = \"p\", build_deps = [make \"one\", make \"two\"] } | m.BuildSpec");
    assert_int_equal(set->count, 3);
    assert_string_equal(package_named(set, "one")->name.ptr, "one");
    assert_string_equal(package_named(set, "two")->name.ptr, "two");
}

static void targets_give_different_packages(void **state) {
    (void)state;
    write_spec("p", IMPORT "let { target, .. } = import \"config.ncl\" in\n"
                           "{ name = \"p\", build_deps = [], outputs = { a = { glob = \"a\" } | m.OutputData, .. }\n"
                           "  | match { { arch = 'Amd64, .. } => { b = { glob = \"b\" } | m.OutputLib, .. },\n"
                           "            { arch = 'Arm64, .. } => { .. } } target } | m.BuildSpec");
    PackageSet *amd64, *arm64;
    SpecsOptions options = options_for((Target){ARCH_AMD64, OS_LINUX});
    ok(specs_load(&options, scratch_arena, &amd64));
    options = options_for((Target){ARCH_ARM64, OS_LINUX});
    ok(specs_load(&options, scratch_arena, &arm64));
    assert_int_equal(amd64->packages[0].output_count, 2);
    assert_int_equal(arm64->packages[0].output_count, 1);
    assert_int_equal(arm64->packages[0].target.arch, ARCH_ARM64);
}

static void layers_are_one_namespace(void **state) {
    (void)state;
    write_file("layer/minimal.toml", "[upstream]\ndir = \"../up\"\n");
    write_file("up/minimal.toml", "legacy = true\n[mirrors]\nm = [\"https://x.example\"]\n");
    write_file("up/packages/base/build.ncl",
               IMPORT "{ name = \"base\", build_deps = [], outputs = { bins = { glob = \"b\" }"
                      " | m.OutputBin } } | m.BuildSpec");
    const PackageSet *set = load_spec("{ name = \"p\", build_deps = [m.upstream \"base\"],\n"
                                      "  runtime_deps = [m.subsetOf (m.upstream \"base\") [\"bins\"]] } | m.BuildSpec");
    assert_int_equal(set->layer_count, 2);
    assert_true(set->layers[0].legacy);
    assert_string_equal(set->layers[0].name.ptr, "up");
    assert_string_equal(set->layers[1].dir.ptr, scratch("layer").ptr);
    assert_int_equal(set->mirror_count, 1);
    assert_string_equal(set->packages[0].name.ptr, "base");
    assert_int_equal(set->packages[0].layer, 0);
    assert_int_equal(set->packages[1].inputs[0].package.package, 0);
    assert_true(set->packages[1].runtime_deps.items[0].is_subset);
}

static void parameters_reach_specs(void **state) {
    (void)state;
    write_file("layer/minimal.toml", "[params]\nn = { type = \"number\", default = 2 }\nl = { type = \"Array string\", "
                                     "default = [\"x\", \"y\"] }\n");
    const PackageSet *set = load_spec("let { param, .. } = import \"config.ncl\" in\n"
                                      "{ name = \"p\", build_deps = [], cmds = [param \"l\"],\n"
                                      "  attrs = { build_cost_multiple = param \"n\" } } | m.BuildSpec");
    assert_int_equal(set->packages[0].cost, 2);
    assert_string_equal(set->packages[0].commands.items[0].argv.items[1].ptr, "y");
}

static void harnesses_are_found(void **state) {
    (void)state;
    write_file("layer/stacks/make/stack.ncl",
               "let { stack, .. } = import \"minimal.ncl\" in\nstack { name = \"make\", build_packages = [\"p\"] }\n");
    write_file("layer/harnesses/lua/harness.ncl",
               "let { Harness, .. } = import \"minimal.ncl\" in\n{ name = \"lua\", test_cmd = \"lua t\" } | Harness\n");
    const PackageSet *set = load_spec("{ name = \"p\", build_deps = [] } | m.BuildSpec");
    assert_int_equal(set->harness_count, 2);
    assert_string_equal(set->harnesses[0].name.ptr, "lua");
    assert_string_equal(set->harnesses[1].span.file.ptr, "stacks/make/stack.ncl");
}

static void an_empty_command_is_none(void **state) {
    (void)state;
    assert_int_equal(
        load_spec("{ name = \"p\", build_deps = [], cmd = \"\" } | m.BuildSpec")->packages[0].commands.count, 0);
}

static void a_hidden_layer_may_use_its_whole_repository(void **state) {
    (void)state;
    write_file("layer/.minimal/minimal.toml", "");
    write_file("layer/main.c", "int main(void) { return 0; }");
    write_file("layer/.minimal/packages/p/build.ncl",
               IMPORT "{ name = \"p\", build_deps = [{ file = \"../../../main.c\" } | m.Local] } | m.BuildSpec");
    PackageSet *set = NULL;
    ok(load(&set));
    assert_string_equal(set->packages[0].inputs[0].local.path.ptr, scratch("layer/main.c").ptr);
    assert_string_equal(set->layers[0].dir.ptr, scratch("layer/.minimal").ptr);
    assert_string_equal(set->layers[0].name.ptr, "layer");
    assert_string_equal(set->packages[0].span.file.ptr, "packages/p/build.ncl");
}

static void sideloads_get_their_parameters(void **state) {
    (void)state;
    write_file("layer/minimal.toml", "[upstream]\n[[upstream.sideloads]]\ndir = \"../side\"\nparams = { n = 7 }\n");
    write_file("side/minimal.toml", "[params]\nn = { type = \"number\", default = 1 }\n");
    write_file("side/packages/s/build.ncl",
               IMPORT "let { param, .. } = import \"config.ncl\" in\n"
                      "{ name = \"s\", build_deps = [], attrs.build_cost_multiple = param \"n\" } | m.BuildSpec");
    const PackageSet *set = load_spec("{ name = \"p\", build_deps = [m.upstream \"s\"] } | m.BuildSpec");
    assert_int_equal(package_named(set, "s")->cost, 7);
}

// ---- what is refused ----

#define SHA "sha256 = \"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\""
#define SPEC(fields) "{ name = \"p\", build_deps = [], " fields " } | m.BuildSpec"
#define DEPS(items) "{ name = \"p\", build_deps = [" items "] } | m.BuildSpec"

static const struct {
    const char *text, *message;
} refused[] = {
    {"{ name = \"p\", build_deps = [ } | m.BuildSpec",
     "packages/p/build.ncl:2:30: unexpected `}`: the `[` of line 2 is still open"},
    {"{ name = \"p\" }", "packages/p/build.ncl:2:1: must be a package, not a plain record // its contract makes it "
                         "one, as in `{ .. } | BuildSpec`, `{ .. } | Source`"},
    {"3", "packages/p/build.ncl:2:1: must be a package, not a Number"},
    {"[]", "packages/p/build.ncl:2:1: must be a package, not an Array"},
    {"{ name = \"p\" } | m.BuildSpec", "packages/p/build.ncl:2:1: build_deps: missing definition for `build_deps`"},
    {"{ build_deps = [] } | m.BuildSpec", "packages/p/build.ncl:2:1: name: missing definition for `name`"},
    {"{ name = 3, build_deps = [] } | m.BuildSpec",
     "packages/p/build.ncl:2:10: name: contract broken by the value of `name`: expected a String, got a Number (3)"},
    {"{ name = \"P\", build_deps = [] } | m.BuildSpec",
     "packages/p/build.ncl:2:10: name: 'P' is no name for a package // a name is made of a-z, 0-9, '.', '_', '+' and "
     "'-', and begins with a letter or digit"},
    {"{ name = \"\", build_deps = [] } | m.BuildSpec",
     "packages/p/build.ncl:2:10: name: '' is no name for a package // a name is made of a-z, 0-9, '.', '_', '+' and "
     "'-', and begins with a letter or digit"},
    {"{ name = \"a b\", build_deps = [] } | m.BuildSpec",
     "packages/p/build.ncl:2:10: name: 'a b' is no name for a package // a name is made of a-z, 0-9, '.', '_', '+' and "
     "'-', and begins with a letter or digit"},
    {"{ name = \"p\", build_deps = 3 } | m.BuildSpec", "packages/p/build.ncl:2:28: build_deps: contract broken by the "
                                                       "value of `build_deps`: expected an Array, got a Number (3)"},
    {SPEC("nmae = 1"), "packages/p/build.ncl:2:39: contract broken by the value of `nmae`: extra field `nmae` // did "
                       "you mean `name`?\n      the contract `m.BuildSpec` is at packages/p/build.ncl:2:45"},
    {SPEC("cmd = \"x\", cmds = [\"y\"]"),
     "packages/p/build.ncl:2:50: has both `cmd` and `cmds`: say the commands once"},
    {SPEC("cmd = 3"),
     "packages/p/build.ncl:2:38: cmd: contract broken by the value of `cmd`: must be a string or an array of strings"},
    {SPEC("cmd = []"), "packages/p/build.ncl:2:38: cmd: the command is empty"},
    {SPEC("cmd = [3]"), "packages/p/build.ncl:2:39: cmd[0]: contract broken by the value of `cmd[0]`: expected a "
                        "String, got a Number (3)"},
    {SPEC("cmds = [\"x\", \"\"]"), "packages/p/build.ncl:2:45: cmds[1]: the command is empty"},
    {SPEC("cmd = \"x 'y\""), "packages/p/build.ncl:2:38: cmd: a ' is not closed in the command `x 'y`"},
    {SPEC("cmds = \"x\""), "packages/p/build.ncl:2:39: cmds: contract broken by the value of `cmds`: expected an "
                           "Array, got a String (\"x\")"},
    {SPEC("build_args = { a = 3 }"), "packages/p/build.ncl:2:51: build_args.a: contract broken by the value of "
                                     "`build_args.a`: expected a String, got a Number (3)"},
    {SPEC("build_args = []"), "packages/p/build.ncl:2:45: build_args: contract broken by the value of `build_args`: "
                              "expected a record, got an Array ([])"},
    {SPEC("prebuilt = \"yes\""), "packages/p/build.ncl:2:43: prebuilt: contract broken by the value of `prebuilt`: "
                                 "expected a Bool, got a String (\"yes\")"},
    {SPEC("prebuilt = true"),
     "packages/p/build.ncl:2:1: a prebuilt package has exactly one build_deps entry, a Source"},
    {SPEC("target = \"mips/linux\""), "packages/p/build.ncl:2:41: target: 'mips/linux' is no target // targets are "
                                      "amd64 or arm64, then /linux or /macos"},
    {SPEC("target = \"amd64\""),
     "packages/p/build.ncl:2:41: target: 'amd64' is no target // targets are amd64 or arm64, then /linux or /macos"},
    {SPEC("needs = { interent = {} }"),
     "packages/p/build.ncl:2:40: needs: contract broken by the value of `needs`: `interent` is not a valid need"},
    {SPEC("needs = { dns = 3 }"), "packages/p/build.ncl:2:48: needs: contract broken by the value of `needs.dns`: "
                                  "expected a record, got a Number (3)"},
    {SPEC("needs = 3"),
     "packages/p/build.ncl:2:40: needs: contract broken by the value of `needs`: expected a record of needs"},
    {SPEC("network = { allow = [\"http:x\"] }"), "packages/p/build.ncl:2:52: network: 'http:x' is no rule // rules are "
                                                 "dns, https:HOST, tcp:HOST:PORT and udp:HOST:PORT"},
    {SPEC("network = { allow = [\"tcp:x\"] }"), "packages/p/build.ncl:2:52: network: 'tcp:x' is no rule // rules are "
                                                "dns, https:HOST, tcp:HOST:PORT and udp:HOST:PORT"},
    {SPEC("network = { allow = [\"tcp:x:70000\"] }"), "packages/p/build.ncl:2:52: network: 'tcp:x:70000' is no rule // "
                                                      "rules are dns, https:HOST, tcp:HOST:PORT and udp:HOST:PORT"},
    {SPEC("network = { alow = [] }"),
     "packages/p/build.ncl:2:51: network: contract broken by the value of `network`: extra field `alow`"},
    {SPEC("network = {}"), "packages/p/build.ncl:2:42: network.allow: missing definition for `allow`"},
    {SPEC("prefer = [\"nothing\"]"), "packages/p/build.ncl:2:1: prefer: there is no package 'nothing'"},
    {SPEC("prefer = 3"), "packages/p/build.ncl:2:41: prefer: contract broken by the value of `prefer`: expected an "
                         "Array, got a Number (3)"},
    {SPEC("attrs = { licence = \"MIT\" }"),
     "packages/p/build.ncl:2:40: attrs: contract broken by the value of `attrs`: `licence` is not a valid attribute"},
    {SPEC("attrs = { licence = \"MIT\" } | m.Attrs"),
     "packages/p/build.ncl:2:40: attrs: contract broken by the value of `attrs`: `licence` is not a valid attribute // "
     "the contract `m.Attrs` is at packages/p/build.ncl:2:62"},
    {SPEC("attrs = { upstream_version = 3 }"),
     "packages/p/build.ncl:2:61: attrs.upstream_version: contract broken by the value of `attrs.upstream_version`: "
     "expected a String, got a Number (3)"},
    {SPEC("attrs.upstream_version = 3"), "packages/p/build.ncl:2:57: attrs.upstream_version: contract broken by the "
                                         "value of `attrs.upstream_version`: expected a String, got a Number (3)"},
    {SPEC("attrs = { build_cost_multiple = 0 }"),
     "packages/p/build.ncl:2:64: attrs.build_cost_multiple: must be above 0 and at most 1024"},
    {SPEC("attrs = { build_cost_multiple = \"x\" }"),
     "packages/p/build.ncl:2:64: attrs.build_cost_multiple: contract broken by the value of "
     "`attrs.build_cost_multiple`: expected a Number, got a String (\"x\")"},
    {SPEC("attrs = { redistributable = 1 }"),
     "packages/p/build.ncl:2:60: attrs.redistributable: contract broken by the value of `attrs.redistributable`: "
     "expected a Bool, got a Number (1)"},
    {SPEC("attrs = { binary_from = \"nowhere\" }"), "packages/p/build.ncl:2:56: attrs.binary_from: contract broken by "
                                                    "the value of `attrs.binary_from`: must be a URL"},
    {SPEC("attrs = { upstream_purl = [\"pkg:cargo/x\", \"x\"] }"),
     "packages/p/build.ncl:2:74: attrs.upstream_purl[1]: contract broken by the value of `attrs.upstream_purl[1]`: "
     "must be a package URL (pkg:type/name@version)"},
    {SPEC("attrs = { source_provenance = { category = 'Nowhere } }"),
     "packages/p/build.ncl:2:62: attrs.source_provenance: contract broken by the value of `attrs.source_provenance`: "
     "'Nowhere is no category of source_provenance"},
    {SPEC("attrs = { source_provenance = { category = 'GithubRepo, owner = \"o\" } }"),
     "packages/p/build.ncl:2:62: attrs.source_provenance.repo: missing definition for `repo`"},
    {SPEC("attrs = 3"),
     "packages/p/build.ncl:2:40: attrs: contract broken by the value of `attrs`: expected a record of attributes"},
    {SPEC("outputs = { bins = \"usr/bin/*\" }"),
     "packages/p/build.ncl:2:51: outputs.bins: contract broken by the value of `outputs.bins`: expected an OutputBin, "
     "an OutputLib or an OutputData"},
    {SPEC("outputs = { bins = { glob = \"usr/bin/*\" } }"),
     "packages/p/build.ncl:2:51: outputs.bins: contract broken by the value of `outputs.bins`: expected an OutputBin, "
     "an OutputLib or an OutputData"},
    {SPEC("outputs = { bins = { glob = 3 } | m.OutputBin }"),
     "packages/p/build.ncl:2:60: outputs.bins.glob: contract broken by the value of `outputs.bins.glob`: must be a "
     "glob relative to the output directory, such as \"usr/bin/*\""},
    {SPEC("outputs = { bins = {} | m.OutputBin }"),
     "packages/p/build.ncl:2:51: outputs.bins.glob: missing definition for `glob`"},
    {SPEC("outputs = { bins = { glob = \"/usr/bin/*\" } | m.OutputBin }"),
     "packages/p/build.ncl:2:60: outputs.bins.glob: contract broken by the value of `outputs.bins.glob`: must be a "
     "glob relative to the output directory, such as \"usr/bin/*\""},
    {SPEC("outputs = { bins = { glob = \"usr/../bin\" } | m.OutputBin }"),
     "packages/p/build.ncl:2:60: outputs.bins.glob: the glob 'usr/../bin' leaves the output directory"},
    {SPEC("outputs = { bins = { glob = \"\" } | m.OutputBin }"),
     "packages/p/build.ncl:2:60: outputs.bins.glob: contract broken by the value of `outputs.bins.glob`: must be a "
     "glob relative to the output directory, such as \"usr/bin/*\""},
    {SPEC("outputs = { bins = { glob = \"x\", allow_data = true } | m.OutputBin }"),
     "packages/p/build.ncl:2:51: outputs.bins: contract broken by the value of `outputs.bins`: extra field "
     "`allow_data` // a record contract admits only the fields that it lists, unless it ends with `..`\n      the "
     "contract `m.OutputBin` is at packages/p/build.ncl:2:87"},
    {SPEC("outputs = { bins = { glob = \"x\", allow_missing_interpreter = 1 } | m.OutputBin }"),
     "packages/p/build.ncl:2:93: outputs.bins.allow_missing_interpreter: contract broken by the value of "
     "`outputs.bins.allow_missing_interpreter`: expected a Bool, got a Number (1)"},
    {SPEC("outputs = { \"a b\" = { glob = \"x\" } | m.OutputBin }"),
     "packages/p/build.ncl:2:52: outputs.a b: an output's name is made of letters, digits, '_', '-', '.' and '+'"},
    {SPEC("outputs = []"),
     "packages/p/build.ncl:2:49: outputs: in the field `outputs`: non mergeable terms: [] and {}"},
    {SPEC("outputs = { bins = { file = \"there\" } | m.Local }"),
     "packages/p/build.ncl:2:51: outputs.bins: contract broken by the value of `outputs.bins`: expected an OutputBin, "
     "an OutputLib or an OutputData, found a Local"},
    {SPEC("tests = { t = { class = 'Standalone } | m.Test }"),
     "packages/p/build.ncl:2:46: tests.t: a Test needs a `cmd` or `cmds`"},
    {SPEC("tests = { t = { class = 'Other, cmd = \"x\" } | m.Test }"),
     "packages/p/build.ncl:2:56: tests.t.class: contract broken by the value of `tests.t.class`: the tag 'Other is not "
     "in the enum type"},
    {SPEC("tests = { t = { cmd = \"x\" } | m.Test }"),
     "packages/p/build.ncl:2:46: tests.t.class: missing definition for `class`"},
    {SPEC("tests = { t = { class = 'Build, cmd = \"x\", cmds = [\"y\"] } | m.Test }"),
     "packages/p/build.ncl:2:82: tests.t: has both `cmd` and `cmds`: say the commands once"},
    {SPEC("tests = { t = { class = 'Build, cmd = \"x\", test_deps = [m.subsetOf (import \"../q/build.ncl\") "
          "[\"libs\"]] } | m.Test }"),
     "packages/p/build.ncl:2:87: test_deps: package 'q' has no output 'libs' // did you mean 'bins'?"},
    {SPEC("tests = { t = \"x\" }"), "packages/p/build.ncl:2:46: tests.t: contract broken by the value of `tests.t`: "
                                    "expected a record, got a String (\"x\")"},
    {DEPS("\"q\""), "packages/p/build.ncl:2:29: build_deps[0]: contract broken by the value of `build_deps[0]`: "
                    "expected a package, a Subset, a Source or a Local"},
    {DEPS("{}"), "packages/p/build.ncl:2:29: build_deps[0]: contract broken by the value of `build_deps[0]`: expected "
                 "a package, a Subset, a Source or a Local"},
    {DEPS("{ file = \"there\" }"), "packages/p/build.ncl:2:29: build_deps[0]: contract broken by the value of "
                                   "`build_deps[0]`: expected a package, a Subset, a Source or a Local"},
    {DEPS("{ file = \"build.sh\" } | m.Local"),
     "packages/p/build.ncl:2:38: build_deps[0].file: there is no file 'packages/p/build.sh'"},
    {DEPS("{ flie = \"there\" } | m.Local"),
     "packages/p/build.ncl:2:38: build_deps[0]: contract broken by the value of `build_deps[0].flie`: extra field "
     "`flie` // did you mean `file`?\n      the contract `m.Local` is at packages/p/build.ncl:2:50"},
    {DEPS("{} | m.Local"), "packages/p/build.ncl:2:29: build_deps[0].file: missing definition for `file`"},
    {DEPS("{ file = \"/etc/passwd\" } | m.Local"),
     "packages/p/build.ncl:2:38: build_deps[0].file: must be a path relative to the spec, not '/etc/passwd'"},
    {DEPS("{ file = \"../../../x\" } | m.Local"),
     "packages/p/build.ncl:2:38: build_deps[0].file: '../../../x' lies outside of the layer"},
    {DEPS("{ file = \"../q\" } | m.Local"),
     "packages/p/build.ncl:2:38: build_deps[0].file: packages/q is a directory, where a file is wanted"},
    {DEPS("{ file = 3 } | m.Local"), "packages/p/build.ncl:2:38: build_deps[0].file: contract broken by the value of "
                                     "`build_deps[0].file`: expected a String, got a Number (3)"},
    {DEPS("{ file = \"there\" } | m.Local, { file = \"there\" } | m.Local"),
     "packages/p/build.ncl:2:59: build_deps holds two files that are both called 'there'"},
    {DEPS("{} | m.Source"),
     "packages/p/build.ncl:2:29: build_deps[0]: a Source needs a `url` with a `sha256`, or a `file`"},
    {DEPS("{ url = \"https://x.example/a\" } | m.Source"),
     "packages/p/build.ncl:2:29: build_deps[0]: a Source with a `url` needs a `sha256`"},
    {DEPS("{ url = \"https://x.example/a\", sha256 = \"123\" } | m.Source"),
     "packages/p/build.ncl:2:69: build_deps[0].sha256: contract broken by the value of `build_deps[0].sha256`: must be "
     "a SHA-256: 64 hexadecimal digits"},
    {DEPS("{ url = \"https://x.example/a\", " SHA ", file = \"there\" } | m.Source"),
     "packages/p/build.ncl:2:29: build_deps[0]: a Source needs a `url` with a `sha256`, or a `file`, not both"},
    {DEPS("{ url = \"ftp://x.example/a\", " SHA " } | m.Source"),
     "packages/p/build.ncl:2:37: build_deps[0].url: 'ftp://x.example/a' is no URL that can be fetched: http, https, "
     "file, gs or mirror"},
    {DEPS("{ url = \"x\", " SHA " } | m.Source"), "packages/p/build.ncl:2:37: build_deps[0].url: 'x' is no URL that "
                                                  "can be fetched: http, https, file, gs or mirror"},
    {DEPS("{ url = \"https://x.example/\", " SHA " } | m.Source"),
     "packages/p/build.ncl:2:37: build_deps[0].url: the URL 'https://x.example/' does not end in a file name"},
    {DEPS("{ url = \"https://x.example\", " SHA " } | m.Source"),
     "packages/p/build.ncl:2:37: build_deps[0].url: the URL 'https://x.example' does not end in a file name"},
    {DEPS("{ url = \"https://x.example/a b\", " SHA " } | m.Source"),
     "packages/p/build.ncl:2:37: build_deps[0].url: a URL must not hold blanks or control characters"},
    {DEPS("{ url = \"https://x.example/a\", " SHA ", mirrors = [\"gopher://x/a\"] } | m.Source"),
     "packages/p/build.ncl:2:147: build_deps[0].mirrors[0]: 'gopher://x/a' is no URL that can be fetched: http, https, "
     "file, gs or mirror"},
    {DEPS("{ url = \"https://x.example/a\", " SHA ", strip = 1 } | m.Source"),
     "packages/p/build.ncl:2:145: build_deps[0]: contract broken by the value of `build_deps[0].strip`: extra field "
     "`strip` // a record contract admits only the fields that it lists, unless it ends with `..`\n      the contract "
     "`m.Source` is at packages/p/build.ncl:2:151"},
    {DEPS("{ url = \"https://x.example/a\", " SHA ", extract = \"yes\" } | m.Source"),
     "packages/p/build.ncl:2:147: build_deps[0].extract: contract broken by the value of `build_deps[0].extract`: "
     "expected a Bool, got a String (\"yes\")"},
    {DEPS("import \"../nothing/build.ncl\""), "packages/p/build.ncl:2:29: build_deps[0]: could not find import "
                                              "`../nothing/build.ncl` (looked in packages/p, the built-in modules)"},
    {DEPS("m.upstream \"q\""),
     "packages/p/build.ncl:2:28: build_deps[0]: no layer above has a package 'q' // `upstream` names packages of the "
     "layers in [upstream] of minimal.toml; this layer's own are imported"},
    {DEPS("m.upstream 3"), "packages/p/build.ncl:2:29: build_deps[0].name: contract broken by the caller of "
                           "`build_deps[0]`: expected a String, got a Number (3)"},
    {DEPS("m.subsetOf (import \"../q/build.ncl\") [\"bin\"]"),
     "packages/p/build.ncl:2:28: build_deps: package 'q' has no output 'bin' // did you mean 'bins'?"},
    {DEPS("m.subsetOf (import \"../q/build.ncl\") []"),
     "packages/p/build.ncl:2:28: build_deps[0]: a Subset needs `outputs`, at least one"},
    {DEPS("m.subsetOf (import \"../q/build.ncl\") \"bins\""),
     "packages/p/build.ncl:2:29: build_deps[0].outputs: contract broken by the caller of `build_deps[0]`: expected an "
     "Array, got a String (\"bins\")"},
    {DEPS("m.subsetOf 3 [\"bins\"]"), "packages/p/build.ncl:2:40: build_deps[0].from: contract broken by the function "
                                      "`build_deps[0]`: expected a package"},
    {DEPS("m.standaloneTest \"x\""),
     "packages/p/build.ncl:2:1: build_deps[0]: contract broken by the value of `build_deps[0]`: expected a package, a "
     "Subset, a Source or a Local, found a Test"},
    {"{ name = \"q\", build_deps = [] } | m.BuildSpec",
     "packages/q/build.ncl:2:1: a package 'q' is declared already at packages/p/build.ncl:2:1: a name stands for one "
     "package in all layers"},
    {"{ name = \"p\", build_deps = [], replace_on_cycle = { file = \"there\" } | m.Local } | m.BuildSpec",
     "packages/p/build.ncl:2:51: replace_on_cycle: contract broken by the value of `replace_on_cycle`: expected a "
     "package, found a Local"},
    {"{ name = \"p\", build_deps = [], replace_on_cycle = { name = \"q\", build_deps = [] } | m.BuildSpec } | "
     "m.BuildSpec",
     "packages/p/build.ncl:2:51: a package 'q' is declared already at packages/q/build.ncl:2:1: a name stands for one "
     "package in all layers"},
    {"{ name = \"p\", build_deps = [], runtime_deps = [{ file = \"there\" } | m.Local] } | m.BuildSpec",
     "packages/p/build.ncl:2:48: runtime_deps[0]: contract broken by the value of `runtime_deps[0]`: expected a "
     "package or a Subset, found a Local"},
    {"let x = x in { name = \"p\", build_deps = [] } | m.BuildSpec",
     "packages/p/build.ncl:2:9: unbound identifier `x` // did you mean `m`?"},
    {"let rec x = x in { name = x, build_deps = [] } | m.BuildSpec",
     "packages/p/build.ncl:2:13: name: infinite recursion: this value depends on itself // in a record `x = x` means "
     "the field itself; `include x` is the variable outside"},
    {"{ name = \"p\", build_deps = [] } | m.BuildSpce",
     "packages/p/build.ncl:2:35: missing field `BuildSpce` // did you mean `BuildSpec`?"},
    {"{ name = \"p\", prebuilt = true, build_deps = [{ url = \"https://x.example/a.tar\", " SHA
     " } | m.Source] } | m.BuildSpec",
     "packages/p/build.ncl:2:1: a prebuilt package has a Source with `extract = true`"},
    {"{ name = \"p\", prebuilt = true, cmd = \"x\", build_deps = [{ url = \"https://x.example/a.tar\", " SHA
     ", extract = true } | m.Source] } | m.BuildSpec",
     "packages/p/build.ncl:2:1: a prebuilt package runs no commands"},
};

// Where in our own modules a contract stands is no part of what is promised.
static Str without_std_places(Str message) {
    Str hint = STR(" // ");
    char *at = memmem(message.ptr, message.len, hint.ptr, hint.len);
    if (at && str_contains(message, STR("<built-in>/")))
        return arena_str(scratch_arena, (Str){message.ptr, (size_t)(at - message.ptr)});
    return message;
}

static void refuses_one_spec(const char *text, const char *want) {
    PackageSet *set = NULL;
    write_spec("p", arena_printf(scratch_arena, IMPORT "%s", text).ptr);
    Str got = without_std_places(message_of(load(&set)));
    if (getenv("SHOW_MESSAGES")) // to write the table anew after the wording has changed
        printf("{%s}\n@@MSG %s\n", text, got.ptr);
    else
        assert_string_equal(got.ptr, want);
}

static void refuses_mistakes(void **state) {
    (void)state;
    write_file("layer/packages/p/there", "");
    write_spec("q", IMPORT "{ name = \"q\", build_deps = [], outputs = { bins = { glob = \"b\" } | m.OutputBin } }\n"
                           "| m.BuildSpec");
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        refuses_one_spec(refused[i].text, refused[i].message);
}

static void refuses_one_name_in_two_layers(void **state) {
    (void)state;
    PackageSet *set = NULL;
    write_file("layer/minimal.toml", "[upstream]\ndir = \"../up\"\n");
    write_file("up/packages/p/build.ncl", IMPORT "{ name = \"p\", build_deps = [] } | m.BuildSpec");
    write_spec("p", IMPORT "{ name = \"p\", build_deps = [] } | m.BuildSpec");
    assert_fails(load(&set),
                 "packages/p/build.ncl:2:1: a package 'p' is declared already at ../up/packages/p/build.ncl:2:1: "
                 "a name stands for one package in all layers");
}

static void refuses_a_mistake_in_an_upstream_by_its_path(void **state) {
    (void)state;
    PackageSet *set = NULL;
    write_file("layer/minimal.toml", "[upstream]\ndir = \"../up\"\n");
    write_file("up/packages/q/build.ncl", IMPORT "{ name = \"Q\", build_deps = [] } | m.BuildSpec");
    Str message = message_of(load(&set));
    assert_true(str_starts_with(message, STR("../up/packages/q/build.ncl:2:10: name: 'Q' is no name for a package")));
}

static void refuses_packages_without_end(void **state) {
    (void)state;
    PackageSet *set = NULL;
    write_spec("p",
               IMPORT "let rec make = fun n => { name = \"p%{n}\", build_deps = [make (n + 1)] } | m.BuildSpec in\n"
                      "make 0");
    SpecsOptions options = options_for((Target){ARCH_AMD64, OS_LINUX});
    options.memory_budget_bytes = 16 << 20;
    Str message = message_of(specs_load(&options, scratch_arena, &set));
    assert_true(str_starts_with(message, STR("packages/p/build.ncl:2:")));
    assert_true(str_ends_with(message, STR(": evaluation needs more than its 16 MiB of memory")));
}

static void refuses_harnesses_that_are_none(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } wrong[] = {
        {"3", "stacks/s/stack.ncl:1:1: must be a stack, not a Number"},
        {"let m = import \"minimal.ncl\" in { name = \"s\", build_deps = [] } | m.BuildSpec",
         "stacks/s/stack.ncl:1:1: must be a stack, not a Builder"},
        {"let m = import \"minimal.ncl\" in m.stack { name = \"s\", build_packages = [\"nothing\"] }",
         "stacks/s/stack.ncl:1:72: build_packages: there is no package 'nothing'"},
        {"let m = import \"minimal.ncl\" in m.stack { name = \"S\" }",
         "stacks/s/stack.ncl:1:50: name: 'S' is no name for a stack // a name is made of a-z, 0-9, '.', '_', '+' and "
         "'-', "
         "and begins with a letter or digit"},
        {"let m = import \"minimal.ncl\" in m.stack {}",
         "stacks/s/stack.ncl:1:41: name: missing definition for `name`"},
    };
    write_spec("p", IMPORT "{ name = \"p\", build_deps = [] } | m.BuildSpec");
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        PackageSet *set = NULL;
        write_file("layer/stacks/s/stack.ncl", wrong[i].text);
        assert_string_equal(without_std_places(message_of(load(&set))).ptr, wrong[i].message);
    }
}

static void refuses_a_directory_that_is_no_layer(void **state) {
    (void)state;
    PackageSet *set = NULL;
    make_dir("layer");
    assert_fails(load(&set),
                 arena_printf(scratch_arena,
                              "there is no minimal.toml in %s, nor above it // an empty minimal.toml makes a "
                              "directory a layer; -C DIR works in another one",
                              scratch("layer").ptr)
                     .ptr);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(reads_every_field),
        SCRATCH_TEST(packages_are_sorted_and_found),
        SCRATCH_TEST(cycles_and_breakers_are_packages_once),
        SCRATCH_TEST(one_literal_may_make_many_packages),
        SCRATCH_TEST(targets_give_different_packages),
        SCRATCH_TEST(layers_are_one_namespace),
        SCRATCH_TEST(parameters_reach_specs),
        SCRATCH_TEST(harnesses_are_found),
        SCRATCH_TEST(an_empty_command_is_none),
        SCRATCH_TEST(a_hidden_layer_may_use_its_whole_repository),
        SCRATCH_TEST(sideloads_get_their_parameters),
        SCRATCH_TEST(refuses_mistakes),
        SCRATCH_TEST(refuses_one_name_in_two_layers),
        SCRATCH_TEST(refuses_a_mistake_in_an_upstream_by_its_path),
        SCRATCH_TEST(refuses_packages_without_end),
        SCRATCH_TEST(refuses_harnesses_that_are_none),
        SCRATCH_TEST(refuses_a_directory_that_is_no_layer),
    };
    return cmocka_run_group_tests_name("specs_decode", tests, NULL, NULL);
}
