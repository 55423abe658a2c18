/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Histories that did not happen, on a disk that is an array: what a device may do is no finding,
 * what it may not do is the right one. The drill must be able to fail.
 */
#include "../cmocka_all.h"

#include "base/random.h"
#include "drill/ledger.h"

#define BLOCKS 4u
#define SIZE   2048u

struct disk {
    uint64_t words[BLOCKS][SIZE / 8];
    struct hf_ledger_block blocks[BLOCKS];
    struct hf_ledger ledger;
    struct hf_tally tally;
};

static struct disk *make_disk(struct disk *disk)
{
    *disk = (struct disk){
        .ledger = { .count = BLOCKS, .block_size_bytes = SIZE, .stride_bytes = 65536, .seed = 5 }
    };
    disk->ledger.blocks = disk->blocks;
    return disk;
}

/* A write reaches the medium, in full or its first bytes. */
static void execute_part(struct disk *disk, uint32_t block, uint64_t generation, size_t bytes)
{
    uint64_t data[SIZE / 8];
    struct hf_content_id id = hf_ledger_id(&disk->ledger, block);

    id.generation = generation;
    hf_content_fill(data, SIZE, &id);
    memcpy(disk->words[block], data, bytes);
}

static void execute(struct disk *disk, uint32_t block, uint64_t generation)
{
    execute_part(disk, block, generation, SIZE);
}

static uint64_t write_good(struct disk *disk, uint32_t block)
{
    uint64_t generation = hf_ledger_post_write(&disk->ledger, block);

    execute(disk, block, generation);
    hf_ledger_end_write(&disk->ledger, block, true);
    return generation;
}

static enum hf_finding end_read(struct disk *disk, const struct hf_ledger_read *read)
{
    struct hf_content_id id = hf_ledger_id(&disk->ledger, read->block);
    struct hf_sight sight = hf_content_look(disk->words[read->block], SIZE, &id);

    return hf_ledger_end_read(&disk->ledger, read, &sight, &disk->tally);
}

static enum hf_finding read_block(struct disk *disk, uint32_t block)
{
    struct hf_ledger_read read = hf_ledger_post_read(&disk->ledger, block);

    return end_read(disk, &read);
}

static void assert_only(const struct disk *disk, enum hf_class class, uint64_t count)
{
    for (unsigned i = 0; i < HF_CLASS_COUNT; i++)
        assert_int_equal(disk->tally.classes[i], i == class ? count : 0);
}

/* ---- what a device may do ---- */

static void what_was_written_is_read(void **state)
{
    struct disk disk;

    (void)state;
    make_disk(&disk);
    for (unsigned i = 0; i < 10; i++) {
        write_good(&disk, 1);
        assert_int_equal(read_block(&disk, 1), HF_FINDING_NONE);
    }
    assert_true(hf_tally_clean(&disk.tally));
}

static void a_block_never_written_may_be_blank(void **state)
{
    struct disk disk;

    (void)state;
    assert_int_equal(read_block(make_disk(&disk), 0), HF_FINDING_NONE);
}

static void an_outstanding_write_may_be_seen_or_not_or_in_part(void **state)
{
    struct disk disk;

    (void)state;
    write_good(make_disk(&disk), 1);
    hf_ledger_post_write(&disk.ledger, 1);
    assert_int_equal(read_block(&disk, 1), HF_FINDING_NONE);
    execute_part(&disk, 1, 2, 512);
    assert_int_equal(read_block(&disk, 1), HF_FINDING_NONE);
    execute_part(&disk, 1, 2, 700); /* even within a sector: page caches copy while others copy */
    assert_int_equal(read_block(&disk, 1), HF_FINDING_NONE);
    execute(&disk, 1, 2);
    assert_int_equal(read_block(&disk, 1), HF_FINDING_NONE);
}

static void a_replay_of_an_outstanding_write_is_no_harm(void **state)
{
    struct disk disk;

    (void)state;
    write_good(make_disk(&disk), 2);
    hf_ledger_post_write(&disk.ledger, 2);
    execute_part(&disk, 2, 2, 512); /* killed in the middle */
    execute(&disk, 2, 2);           /* replayed */
    hf_ledger_end_write(&disk.ledger, 2, true);
    assert_int_equal(read_block(&disk, 2), HF_FINDING_NONE);
    assert_true(hf_tally_clean(&disk.tally));
}

static void a_failed_write_may_have_happened_or_not(void **state)
{
    struct disk disk;

    (void)state;
    write_good(make_disk(&disk), 1);
    hf_ledger_post_write(&disk.ledger, 1);
    hf_ledger_end_write(&disk.ledger, 1, false);
    assert_int_equal(read_block(&disk, 1), HF_FINDING_NONE);
    execute(&disk, 1, 2);
    assert_int_equal(read_block(&disk, 1), HF_FINDING_NONE);
}

static void a_read_posted_before_an_answer_may_see_what_was_before_it(void **state)
{
    struct disk disk;
    struct hf_ledger_read read;

    (void)state;
    write_good(make_disk(&disk), 3);
    read = hf_ledger_post_read(&disk.ledger, 3);
    struct hf_content_id id = hf_ledger_id(&disk.ledger, 3);
    struct hf_sight early = hf_content_look(disk.words[3], SIZE, &id);
    write_good(&disk, 3);
    assert_int_equal(hf_ledger_end_read(&disk.ledger, &read, &early, &disk.tally), HF_FINDING_NONE);
}

static void two_reads_at_once_may_be_answered_in_any_order(void **state)
{
    struct disk disk;

    (void)state;
    write_good(make_disk(&disk), 1);
    hf_ledger_post_write(&disk.ledger, 1);
    struct hf_ledger_read first = hf_ledger_post_read(&disk.ledger, 1);
    struct hf_ledger_read second = hf_ledger_post_read(&disk.ledger, 1);
    struct hf_content_id id = hf_ledger_id(&disk.ledger, 1);
    struct hf_sight early = hf_content_look(disk.words[1], SIZE, &id);
    execute(&disk, 1, 2);
    assert_int_equal(end_read(&disk, &second), HF_FINDING_NONE);
    assert_int_equal(hf_ledger_end_read(&disk.ledger, &first, &early, &disk.tally),
                     HF_FINDING_NONE);
}

static void a_dead_writers_write_has_landed_or_not(void **state)
{
    struct disk disk;

    (void)state;
    write_good(make_disk(&disk), 1);
    hf_ledger_post_write(&disk.ledger, 1);
    hf_ledger_abandon_write(&disk.ledger, 1);
    assert_int_equal(read_block(&disk, 1), HF_FINDING_NONE);
    write_good(&disk, 2);
    hf_ledger_post_write(&disk.ledger, 2);
    execute(&disk, 2, 2);
    hf_ledger_abandon_write(&disk.ledger, 2);
    assert_int_equal(read_block(&disk, 2), HF_FINDING_NONE);
    assert_int_equal(read_block(&disk, 2), HF_FINDING_NONE);
    write_good(&disk, 2);
    assert_int_equal(read_block(&disk, 2), HF_FINDING_NONE);
    assert_true(hf_tally_clean(&disk.tally));
}

static void a_dead_writers_write_may_be_there_in_part(void **state)
{
    struct disk disk;

    (void)state;
    write_good(make_disk(&disk), 1);
    hf_ledger_post_write(&disk.ledger, 1);
    execute_part(&disk, 1, 2, 1024);
    hf_ledger_abandon_write(&disk.ledger, 1);
    assert_int_equal(read_block(&disk, 1), HF_FINDING_NONE);
    assert_true(hf_tally_clean(&disk.tally));
}

static void a_successors_own_write_is_never_taken_for_the_dead_ones(void **state)
{
    struct disk disk;

    (void)state;
    write_good(make_disk(&disk), 1);
    hf_ledger_post_write(&disk.ledger, 1);
    hf_ledger_abandon_write(&disk.ledger, 1);
    assert_int_equal(read_block(&disk, 1), HF_FINDING_NONE);
    hf_ledger_post_write(&disk.ledger, 1);
    execute(&disk, 1, 3);
    assert_int_equal(read_block(&disk, 1), HF_FINDING_NONE);
    hf_ledger_end_write(&disk.ledger, 1, true);
    assert_int_equal(read_block(&disk, 1), HF_FINDING_NONE);
    assert_true(hf_tally_clean(&disk.tally));
}

/* ---- what it may not ---- */

static void a_dead_writers_write_that_lands_after_a_look_without_it_is_corruption(void **state)
{
    struct disk disk;

    (void)state;
    write_good(make_disk(&disk), 1);
    hf_ledger_post_write(&disk.ledger, 1);
    hf_ledger_abandon_write(&disk.ledger, 1);
    assert_int_equal(read_block(&disk, 1), HF_FINDING_NONE);
    execute(&disk, 1, 2);
    assert_int_equal(read_block(&disk, 1), HF_FINDING_LATE);
    assert_only(&disk, HF_CLASS_CORRUPTED, 1);
}

static void a_dead_writers_write_that_lands_beside_its_successors_is_corruption(void **state)
{
    struct disk disk;

    (void)state;
    write_good(make_disk(&disk), 1);
    hf_ledger_post_write(&disk.ledger, 1);
    hf_ledger_abandon_write(&disk.ledger, 1);
    assert_int_equal(read_block(&disk, 1), HF_FINDING_NONE);
    hf_ledger_post_write(&disk.ledger, 1);
    execute(&disk, 1, 2);
    assert_int_equal(read_block(&disk, 1), HF_FINDING_LATE);
    assert_only(&disk, HF_CLASS_CORRUPTED, 1);
}

static void a_dead_writers_write_over_its_successors_is_corruption(void **state)
{
    struct disk disk;

    (void)state;
    write_good(make_disk(&disk), 1);
    hf_ledger_post_write(&disk.ledger, 1);
    hf_ledger_abandon_write(&disk.ledger, 1);
    write_good(&disk, 1);
    assert_int_equal(read_block(&disk, 1), HF_FINDING_NONE);
    execute(&disk, 1, 2);
    assert_int_equal(read_block(&disk, 1), HF_FINDING_REVERTED);
    assert_only(&disk, HF_CLASS_CORRUPTED, 1);
}

static void what_was_answered_before_a_writer_died_must_be_there(void **state)
{
    struct disk disk;

    (void)state;
    write_good(make_disk(&disk), 1);
    hf_ledger_post_write(&disk.ledger, 1);
    hf_ledger_end_write(&disk.ledger, 1, true);
    hf_ledger_post_write(&disk.ledger, 1);
    hf_ledger_abandon_write(&disk.ledger, 1);
    assert_int_equal(read_block(&disk, 1), HF_FINDING_LOST);
    assert_only(&disk, HF_CLASS_LOST, 1);
}

static void a_write_answered_and_never_executed_is_lost(void **state)
{
    struct disk disk;

    (void)state;
    write_good(make_disk(&disk), 1);
    assert_int_equal(read_block(&disk, 1), HF_FINDING_NONE);
    hf_ledger_post_write(&disk.ledger, 1);
    hf_ledger_end_write(&disk.ledger, 1, true);
    assert_int_equal(read_block(&disk, 1), HF_FINDING_LOST);
    assert_only(&disk, HF_CLASS_LOST, 1);
}

static void the_first_write_of_a_block_can_be_lost(void **state)
{
    struct disk disk;

    (void)state;
    hf_ledger_post_write(&make_disk(&disk)->ledger, 1);
    hf_ledger_end_write(&disk.ledger, 1, true);
    assert_int_equal(read_block(&disk, 1), HF_FINDING_MISSING);
    assert_only(&disk, HF_CLASS_LOST, 1);
}

static void the_same_loss_counts_once_and_the_next_again(void **state)
{
    struct disk disk;

    (void)state;
    write_good(make_disk(&disk), 1);
    for (unsigned i = 1; i <= 3; i++) {
        hf_ledger_post_write(&disk.ledger, 1);
        hf_ledger_end_write(&disk.ledger, 1, true);
        assert_int_equal(read_block(&disk, 1), HF_FINDING_LOST);
        assert_int_equal(read_block(&disk, 1), HF_FINDING_LOST);
        assert_int_equal(disk.tally.classes[HF_CLASS_LOST], i);
    }
}

static void an_old_generation_that_comes_back_is_corruption(void **state)
{
    struct disk disk;

    (void)state;
    write_good(make_disk(&disk), 1);
    write_good(&disk, 1);
    assert_int_equal(read_block(&disk, 1), HF_FINDING_NONE);
    execute(&disk, 1, 1); /* the dead back-end's kernel was late */
    assert_int_equal(read_block(&disk, 1), HF_FINDING_REVERTED);
    assert_only(&disk, HF_CLASS_CORRUPTED, 1);
}

static void an_older_write_over_an_outstanding_one_that_was_seen_is_a_duplicate(void **state)
{
    struct disk disk;

    (void)state;
    write_good(make_disk(&disk), 1);
    hf_ledger_post_write(&disk.ledger, 1);
    execute(&disk, 1, 2);
    assert_int_equal(read_block(&disk, 1), HF_FINDING_NONE);
    execute(&disk, 1, 1); /* executed a second time, after its successor */
    assert_int_equal(read_block(&disk, 1), HF_FINDING_REPEATED);
    assert_only(&disk, HF_CLASS_DUPLICATED, 1);
}

static void a_torn_block_at_rest_is_corruption(void **state)
{
    struct disk disk;

    (void)state;
    write_good(make_disk(&disk), 1);
    hf_ledger_post_write(&disk.ledger, 1);
    execute_part(&disk, 1, 2, 1024);
    hf_ledger_end_write(&disk.ledger, 1, true);
    assert_int_equal(read_block(&disk, 1), HF_FINDING_TORN);
    assert_only(&disk, HF_CLASS_CORRUPTED, 1);
}

static void a_damaged_sector_at_rest_is_corruption(void **state)
{
    struct disk disk;

    (void)state;
    write_good(make_disk(&disk), 1);
    disk.words[1][100] ^= 1;
    assert_int_equal(read_block(&disk, 1), HF_FINDING_DAMAGED);
    assert_only(&disk, HF_CLASS_CORRUPTED, 1);
}

static void data_of_another_block_is_corruption_even_beside_a_write(void **state)
{
    struct disk disk;

    (void)state;
    write_good(make_disk(&disk), 1);
    write_good(&disk, 2);
    memcpy(disk.words[1], disk.words[2], SIZE);
    hf_ledger_post_write(&disk.ledger, 1);
    assert_int_equal(read_block(&disk, 1), HF_FINDING_STRAY);
    assert_only(&disk, HF_CLASS_CORRUPTED, 1);
}

static void a_generation_of_the_future_is_corruption(void **state)
{
    struct disk disk;

    (void)state;
    write_good(make_disk(&disk), 1);
    execute(&disk, 1, 2);
    assert_int_equal(read_block(&disk, 1), HF_FINDING_FUTURE);
    assert_only(&disk, HF_CLASS_CORRUPTED, 1);
}

static void a_read_answered_without_its_data_is_corruption(void **state)
{
    struct disk disk;

    (void)state;
    write_good(make_disk(&disk), 1);
    hf_content_poison(disk.words[1], SIZE);
    assert_int_equal(read_block(&disk, 1), HF_FINDING_UNFILLED);
    assert_only(&disk, HF_CLASS_CORRUPTED, 1);
}

/* Many lives of a disk that does all it may: executions of outstanding writes again and again, in
 * part, between reads. */
static void a_random_history_of_an_honest_disk_is_clean(void **state)
{
    struct disk disk;
    struct hf_random random = { .state = 1 };
    bool out[BLOCKS] = { false };

    (void)state;
    make_disk(&disk);
    for (unsigned i = 0; i < 200000; i++) {
        uint32_t block = (uint32_t)hf_random_below(&random, BLOCKS);
        uint64_t dice = hf_random_below(&random, 4);
        if (dice == 0 && out[block]) {
            execute(&disk, block, disk.blocks[block].posted);
            hf_ledger_end_write(&disk.ledger, block, true);
            out[block] = false;
        } else if (dice == 1 && !out[block]) {
            hf_ledger_post_write(&disk.ledger, block);
            out[block] = true;
        } else if (dice == 2 && out[block] &&
                   disk.blocks[block].seen != disk.blocks[block].posted) {
            execute_part(&disk, block, disk.blocks[block].posted,
                         hf_random_below(&random, SIZE + 1));
        }
        assert_int_equal(read_block(&disk, block), HF_FINDING_NONE);
    }
    assert_true(hf_tally_clean(&disk.tally));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(a_block_never_written_may_be_blank),
        cmocka_unit_test(an_outstanding_write_may_be_seen_or_not_or_in_part),
        cmocka_unit_test(a_replay_of_an_outstanding_write_is_no_harm),
        cmocka_unit_test(a_failed_write_may_have_happened_or_not),
        cmocka_unit_test(a_read_posted_before_an_answer_may_see_what_was_before_it),
        cmocka_unit_test(two_reads_at_once_may_be_answered_in_any_order),
        cmocka_unit_test(a_dead_writers_write_has_landed_or_not),
        cmocka_unit_test(a_dead_writers_write_may_be_there_in_part),
        cmocka_unit_test(a_successors_own_write_is_never_taken_for_the_dead_ones),
        cmocka_unit_test(a_dead_writers_write_that_lands_after_a_look_without_it_is_corruption),
        cmocka_unit_test(a_dead_writers_write_that_lands_beside_its_successors_is_corruption),
        cmocka_unit_test(a_dead_writers_write_over_its_successors_is_corruption),
        cmocka_unit_test(what_was_answered_before_a_writer_died_must_be_there),
        cmocka_unit_test(a_write_answered_and_never_executed_is_lost),
        cmocka_unit_test(the_first_write_of_a_block_can_be_lost),
        cmocka_unit_test(the_same_loss_counts_once_and_the_next_again),
        cmocka_unit_test(an_old_generation_that_comes_back_is_corruption),
        cmocka_unit_test(an_older_write_over_an_outstanding_one_that_was_seen_is_a_duplicate),
        cmocka_unit_test(a_torn_block_at_rest_is_corruption),
        cmocka_unit_test(a_damaged_sector_at_rest_is_corruption),
        cmocka_unit_test(data_of_another_block_is_corruption_even_beside_a_write),
        cmocka_unit_test(a_generation_of_the_future_is_corruption),
        cmocka_unit_test(a_read_answered_without_its_data_is_corruption),
        cmocka_unit_test(a_random_history_of_an_honest_disk_is_clean),
    };

    return cmocka_run_group_tests_name("drill/ledger", tests, NULL, NULL);
}
