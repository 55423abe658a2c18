/* SPDX-License-Identifier: BSD-3-Clause */
/* What a file may say, and that each mistake is named with file, device and remedy. */
#include "../os/fixture.h"

#include "base/check.h"
#include "relay/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int read_text(struct hf_relay_config *config, const char *text, struct hf_error *error)
{
    const char *path = in_place("relay.json");
    FILE *file = fopen(path, "we");

    fputs(text, file);
    fclose(file);
    hf_error_clear(error);
    int failed = hf_relay_config_read(config, path, error);
    unlink(path);
    return failed;
}

static void devices_have_their_own_words_and_the_common_ones(void **state)
{
    struct hf_relay_config config;
    struct hf_error error;

    (void)state;
    assert_int_equal(
        read_text(&config,
                  "{\"control\": \"/c\", \"hang-after\": \"30s\", \"backend\": [\"/x\", \"/y\"],"
                  " \"allow-lossy\": true, \"stop-wait\": 2.5, \"devices\": ["
                  "{\"listen\": \"/run/a.sock\"},"
                  "{\"listen\": \"/b\", \"name\": \"two\", \"backend\": \"/z\", "
                  "\"hang-after\": 4, \"allow-lossy\": false, \"socket-mode\": \"0660\"}]}",
                  &error),
        0);
    assert_string_equal(config.control_path, "/c");
    assert_int_equal(config.count, 2);
    const struct hf_relay_setup *one = &config.setups[0], *two = &config.setups[1];
    assert_string_equal(one->name, "a");
    assert_int_equal(one->backend_count, 2);
    assert_string_equal(one->backends[1], "/y");
    assert_int_equal(one->hang_after_ns, UINT64_C(30000000000));
    assert_int_equal(one->stop_wait_ns, UINT64_C(2500000000));
    assert_true(one->allow_lossy);
    assert_string_equal(two->name, "two");
    assert_int_equal(two->backend_count, 1);
    assert_string_equal(two->backends[0], "/z");
    assert_int_equal(two->hang_after_ns, UINT64_C(4000000000));
    assert_int_equal(two->stop_wait_ns, UINT64_C(2500000000));
    assert_int_equal(two->socket_mode, 0660);
    assert_false(two->allow_lossy);
    hf_relay_config_done(&config);
}

static void no_devices_are_a_configuration_too(void **state)
{
    struct hf_relay_config config;
    struct hf_error error;

    (void)state;
    assert_int_equal(read_text(&config, "{\"devices\": []}", &error), 0);
    assert_int_equal(config.count, 0);
    assert_string_equal(config.control_path, "");
    hf_relay_config_done(&config);
}

static void a_mistake_is_named_with_file_and_device(void **state)
{
#define DEVICE(words) "{\"devices\": [{\"listen\": \"/v\", \"backend\": \"/b\"" words "}]}"
    static const struct {
        const char *text;
        const char *named[3];
    } bad[] = {
        { "", { "relay.json:1:0" } },
        { "{\"devices\": [}", { "relay.json:1:14" } },
        { "[]", { "not an object" } },
        { "{}", { "\"devices\" is missing" } },
        { "{\"devices\": {}}", { "\"devices\"", "not a list" } },
        { "{\"devices\": [1]}", { "device number 1", "not an object" } },
        { "{\"nonsense\": 1, \"devices\": []}", { "\"nonsense\"", "hang-after" } },
        { "{\"name\": \"a\", \"devices\": []}", { "\"name\"", "belongs to one device" } },
        { "{\"control\": 5, \"devices\": []}", { "\"control\"", "string" } },
        { "{\"control\": \"\", \"devices\": []}", { "\"control\"" } },
        { "{\"devices\": [], \"devices\": []}", { "relay.json:1" } },
        { DEVICE(", \"name\": \"web\", \"fence\": \"x\""), { "device web", "\"fence\": \"x\"" } },
        { DEVICE(", \"name\": 5.5, \"wait\": []"), { "device number 1" } },
        { DEVICE(", \"hang-after\": {}"), { "\"hang-after\"", "a string or a number" } },
        { DEVICE(", \"hang-after\": -4"), { "\"hang-after\"", "-4" } },
        { DEVICE(", \"hang-after\": 1e300"), { "\"hang-after\"" } },
        { DEVICE(", \"allow-lossy\": 1"), { "\"allow-lossy\"", "true or false" } },
        { DEVICE(", \"socket-mode\": 660"), { "\"socket-mode\"", "\"0660\"" } },
        { DEVICE(", \"fd\": 3"), { "\"fd\" is not known", "listen, backend" } },
        { DEVICE(", \"control\": \"/c\""), { "\"control\" is not known" } },
        { "{\"devices\": [{\"listen\": \"/v\"}]}", { "--backend=PATH" } },
        { "{\"devices\": [{\"listen\": \"/v\", \"backend\": []}]}", { "backend=PATH" } },
        { "{\"devices\": [{\"listen\": \"/v\", \"backend\": [5.5, []]}]}", { "\"backend\"" } },
        { "{\"backend\": \"/b\", \"devices\": [{\"listen\": \"/x/a\"}, {\"listen\": \"/y/a\"}]}",
          { "device number 2", "named a too", "\"name\"" } },
        { "{\"backend\": \"/b\", \"devices\": [{\"listen\": \"/x/a\"},"
          " {\"listen\": \"/x/a\", \"name\": \"other\"}]}",
          { "device other", "device a listens on /x/a too", "\"listen\"" } },
    };
    struct hf_relay_config config;
    struct hf_error error;

    (void)state;
    for (unsigned i = 0; i < HF_ARRAY_COUNT(bad); i++) {
        assert_true(read_text(&config, bad[i].text, &error) < 0);
        assert_non_null(strstr(error.text, in_place("relay.json")));
        assert_null(strchr(error.text, '\n'));
        for (unsigned j = 0; j < 3 && bad[i].named[j]; j++)
            if (!strstr(error.text, bad[i].named[j]))
                fail_msg("%s: no '%s' in: %s", bad[i].text, bad[i].named[j], error.text);
        assert_null(config.setups);
    }
}

static void a_file_that_cannot_be_read_is_named(void **state)
{
    struct hf_relay_config config;
    struct hf_error error = { 0 };

    (void)state;
    assert_int_equal(hf_relay_config_read(&config, in_place("none.json"), &error), -ENOENT);
    assert_non_null(strstr(error.text, "none.json"));
    assert_true(hf_relay_config_read(&config, in_place("."), &error) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TIDY(devices_have_their_own_words_and_the_common_ones),
        TIDY(no_devices_are_a_configuration_too),
        TIDY(a_mistake_is_named_with_file_and_device),
        TIDY(a_file_that_cannot_be_read_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
