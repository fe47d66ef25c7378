/* unix_test.c - Unix sockets on Linux: their files, who is at the other end, and datagrams that wait
 * instead of being lost. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "port/unix.h"
#include "tests/unit/probe.h"

#define PATH        "unix_test.sock"
/* With any usual net.core.wmem_max a thread can send two of this size before they are received. */
#define PLACE_BYTES (64u << 10)

static struct unix_place at(const char *path) {
    return (struct unix_place){
        .path = path, .mode = 0600, .user = UNIX_UNCHANGED, .group = UNIX_UNCHANGED};
}

struct receiver {
    struct port *port;
    struct port_pool *pool;
    struct port_socket socket;
    struct probe receive;
};

static void open_receiver(struct receiver *receiver, struct port *port, const char *path) {
    const struct unix_place place = at(path);
    *receiver = (struct receiver){.port = port, .receive = probe_new(NULL)};
    assert_int_equal(port_pool_create(port, 2 * PLACE_BYTES, 1, PLACE_BYTES, &receiver->pool), 0);
    assert_int_equal(port_bind_unix(port, &receiver->socket, &place), 0);
}

static void close_receiver(struct receiver *receiver) {
    port_shut(receiver->port, &receiver->socket);
    settle(receiver->port);
    port_pool_free(receiver->pool);
}

static struct port_buffer *receive(struct receiver *receiver) {
    port_receive_datagrams(receiver->port, &receiver->receive.op, &receiver->socket,
                           receiver->pool);
    probe_await(receiver->port, &receiver->receive, receiver->receive.returns + 1);
    return receiver->receive.op.buffer;
}

/* A socket of another process, which has left its file. */
static void leave_stale(const char *path, int type) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    strcpy(name.sun_path, path);
    const int handle = socket(AF_UNIX, type, 0);
    assert_int_equal(bind(handle, (struct sockaddr *)&name, sizeof name), 0);
    close(handle);
}

/* ---- files ---- */

static mode_t mode_of(const char *path) {
    struct stat found;
    return lstat(path, &found) == 0 ? found.st_mode & 07777 : 0;
}

struct watcher {
    atomic_bool over;
    mode_t seen; /* all bits that the file ever had */
};

static void *watch_mode(void *context) {
    struct watcher *watcher = context;
    while (!atomic_load(&watcher->over))
        watcher->seen |= mode_of(PATH);
    return NULL;
}

static void a_file_never_has_more_permissions_than_it_gets(void **state) {
    struct port *port = *state;
    struct watcher watcher = {0};
    struct unix_place place = at(PATH);
    pthread_t thread;
    const mode_t before = umask(0);
    assert_int_equal(pthread_create(&thread, NULL, watch_mode, &watcher), 0);
    place.mode = 0640;
    for (int i = 0; i < 100; i++) {
        struct port_socket socket;
        assert_int_equal(i % 2 ? port_listen_unix(port, &socket, &place)
                               : port_bind_unix(port, &socket, &place),
                         0);
        assert_int_equal(mode_of(PATH), 0640);
        port_shut(port, &socket);
        assert_int_equal(access(PATH, F_OK), -1);
    }
    atomic_store(&watcher.over, true);
    pthread_join(thread, NULL);
    umask(before);
    assert_int_equal(watcher.seen & ~(mode_t)0640, 0);
}

static void mode_and_owner_do_not_depend_on_the_umask_and_can_be_changed(void **state) {
    struct port *port = *state;
    struct port_socket socket;
    struct unix_place place = at(PATH);
    struct stat found;
    const mode_t before = umask(0777);
    place.mode = 0666;
    place.group = getegid();
    if (geteuid() == 0) place.user = place.group = 12345;
    assert_int_equal(port_listen_unix(port, &socket, &place), 0);
    umask(before);
    assert_int_equal(lstat(PATH, &found), 0);
    assert_int_equal(found.st_mode & 07777, 0666);
    if (geteuid() == 0) assert_int_equal(found.st_uid, 12345);
    if (geteuid() == 0) assert_int_equal(found.st_gid, 12345);
    place.mode = 0600;
    if (geteuid() == 0) place.user = 23456;
    assert_int_equal(port_unix_access(port, &socket, &place), 0);
    assert_int_equal(lstat(PATH, &found), 0);
    assert_int_equal(found.st_mode & 07777, 0600);
    if (geteuid() == 0) assert_int_equal(found.st_uid, 23456);
    port_shut(port, &socket);
}

static void a_stale_file_is_replaced_and_a_socket_in_use_is_not(void **state) {
    struct port *port = *state;
    struct port_socket first, second;
    struct unix_place place = at(PATH);
    leave_stale(PATH, SOCK_STREAM);
    assert_int_equal(port_listen_unix(port, &first, &place), 0);
    assert_int_equal(port_listen_unix(port, &second, &place), ERR_ADDRESS_IN_USE);
    assert_int_equal(port_bind_unix(port, &second, &place), ERR_ADDRESS_IN_USE);
    port_shut(port, &first);
    leave_stale(PATH, SOCK_DGRAM);
    assert_int_equal(port_bind_unix(port, &first, &place), 0);
    assert_int_equal(port_listen_unix(port, &second, &place), ERR_ADDRESS_IN_USE);
    assert_int_equal(port_bind_unix(port, &second, &place), ERR_ADDRESS_IN_USE);
    port_shut(port, &first);
    leave_stale(PATH, SOCK_STREAM); /* killed before it had its mode */
    assert_int_equal(chmod(PATH, 0), 0);
    assert_int_equal(port_listen_unix(port, &first, &place), 0);
    port_shut(port, &first);
    assert_int_equal(access(PATH, F_OK), -1);
}

/* The connection that a probe would make must not be there. */
static void looking_at_a_socket_in_use_does_not_disturb_it(void **state) {
    struct port *port = *state;
    struct port_socket first, second, accepted;
    struct probe accept = probe_new(NULL);
    const struct unix_place place = at(PATH);
    assert_int_equal(port_listen_unix(port, &first, &place), 0);
    port_accept(port, &accept.op, &first, &accepted);
    assert_int_equal(port_listen_unix(port, &second, &place), ERR_ADDRESS_IN_USE);
    settle(port);
    assert_int_equal(accept.returns, 0);
    port_shut(port, &first);
    assert_int_equal(probe_await(port, &accept, 1), ERR_CANCELLED);
}

static void what_is_no_socket_is_never_removed(void **state) {
    struct port *port = *state;
    struct port_socket socket;
    struct unix_place place = at(PATH);
    const int file = open(PATH, O_CREAT | O_WRONLY, 0600);
    assert_true(file >= 0);
    close(file);
    assert_int_equal(port_listen_unix(port, &socket, &place), ERR_EXISTS);
    assert_int_equal(unlink(PATH), 0);
    assert_int_equal(symlink("unix_test.none", PATH), 0);
    assert_int_equal(port_bind_unix(port, &socket, &place), ERR_EXISTS);
    assert_int_equal(unlink(PATH), 0);
    assert_int_equal(mkdir(PATH, 0700), 0);
    assert_int_equal(port_bind_unix(port, &socket, &place), ERR_EXISTS);
    place.path = PATH "/below/socket";
    assert_int_equal(port_bind_unix(port, &socket, &place), ERR_NOT_FOUND);
    place.path = PATH "/socket";
    assert_int_equal(port_bind_unix(port, &socket, &place), 0);
    port_shut(port, &socket);
    assert_int_equal(rmdir(PATH), 0); /* it is empty */
}

static void a_file_that_has_taken_its_place_stays(void **state) {
    struct port *port = *state;
    struct port_socket socket;
    const struct unix_place place = at(PATH);
    assert_int_equal(port_listen_unix(port, &socket, &place), 0);
    assert_int_equal(unlink(PATH), 0);
    leave_stale(PATH, SOCK_STREAM);
    port_shut(port, &socket);
    assert_int_equal(unlink(PATH), 0);
}

/* In a child, at the same time as all others; exit code 0: it has the socket. */
static void compete(int gate) {
    struct port *port;
    struct port_socket socket;
    const struct unix_place place = at(PATH);
    char byte;
    if (port_open(NULL, &port) < 0 || read(gate, &byte, 1) != 0) _exit(3);
    const int error = port_listen_unix(port, &socket, &place);
    if (error == 0) system_sleep_ms(100); /* until all have tried */
    _exit(error == 0 ? 0 : error == ERR_ADDRESS_IN_USE ? 1 : 2);
}

static void of_daemons_that_start_together_one_gets_a_stale_path(void **state) {
    enum { CHILDREN = 5 };
    (void)state;
    for (uint32_t round = 0; round < scaled(10); round++) {
        int gate[2], counts[4] = {0};
        unlink(PATH);
        leave_stale(PATH, SOCK_STREAM);
        assert_int_equal(pipe(gate), 0);
        for (int i = 0; i < CHILDREN; i++)
            if (fork() == 0) {
                close(gate[1]);
                compete(gate[0]);
            }
        close(gate[0]);
        close(gate[1]); /* go */
        for (int i = 0; i < CHILDREN; i++) {
            int status;
            assert_true(wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) < 4);
            counts[WEXITSTATUS(status)]++;
        }
        assert_int_equal(counts[0], 1);
        assert_int_equal(counts[1], CHILDREN - 1);
    }
    unlink(PATH);
}

/* ---- peers ---- */

static const char *me(char *text) {
    snprintf(text, ADDRESS_TEXT_MAX, "unix:pid=%d,uid=%u,gid=%u", (int)getpid(), getuid(),
             getgid());
    return text;
}

static void a_peer_is_known_by_its_process_user_and_group(void **state) {
    struct port *port = *state;
    struct port_socket listener, accepted;
    struct client client;
    struct probe accept = probe_new(NULL);
    char expected[ADDRESS_TEXT_MAX], text[ADDRESS_TEXT_MAX];
    const struct unix_place place = at("@logport-unix-test");
    assert_int_equal(port_listen_unix(port, &listener, &place), 0);
    port_accept(port, &accept.op, &listener, &accepted);
    assert_int_equal(client_connect_unix(place.path, &client), 0);
    assert_int_equal(probe_await(port, &accept, 1), 0);
    assert_string_equal(address_format(&accept.op.peer, text), me(expected));
    const struct port_address other = address_of_process((uint32_t)getpid(), getuid(), 77);
    assert_false(address_equal(&accept.op.peer, &other));
    client_close(&client);
    port_shut(port, &accepted);
    port_shut(port, &listener);
    const struct port_address unknown =
        address_of_process(7, ADDRESS_UNKNOWN_ID, ADDRESS_UNKNOWN_ID);
    assert_string_equal(address_format(&unknown, text), "unix:pid=7");
}

static uint32_t open_files(void) {
    uint32_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

static void send_with_file(struct client *client, const char *text) {
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } note = {.bytes = {0}};
    struct iovec part = {.iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text)};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = note.bytes,
                             .msg_controllen = sizeof note.bytes};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    const int file = STDERR_FILENO;
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof file);
    memcpy(CMSG_DATA(header), &file, sizeof file);
    assert_int_equal(sendmsg((int)client->handle, &message, 0), (int)strlen(text));
}

static void files_that_a_sender_passes_are_not_kept(void **state) {
    struct port *port = *state;
    struct receiver receiver;
    struct client client;
    open_receiver(&receiver, port, PATH);
    assert_int_equal(client_datagrams_unix(PATH, &client), 0);
    const uint32_t before = open_files();
    for (int i = 0; i < 5; i++) {
        char expected[ADDRESS_TEXT_MAX], text[ADDRESS_TEXT_MAX];
        send_with_file(&client, "file");
        struct port_buffer *buffer = receive(&receiver);
        assert_int_equal(buffer->slices[0].size, 4);
        assert_string_equal(address_format(&buffer->slices[0].peer, text), me(expected));
        port_buffer_release(buffer);
    }
    assert_int_equal(open_files(), before);
    client_close(&client);
    close_receiver(&receiver);
}

/* ---- datagrams ---- */

static void datagrams_arrive_whole_in_order_with_their_sender(void **state) {
    static const uint32_t sizes[] = {5, 0, 20000, 1, 60000, 0, 7000};
    static uint8_t bytes[PLACE_BYTES];
    char expected[ADDRESS_TEXT_MAX], text[ADDRESS_TEXT_MAX];
    struct receiver receiver;
    struct client client;
    open_receiver(&receiver, *state, PATH);
    assert_int_equal(client_datagrams_unix(PATH, &client), 0);
    for (uint32_t i = 0; i < 7; i++) {
        memset(bytes, (int)('a' + i), sizes[i]);
        assert_int_equal(client_send(&client, bytes, sizes[i]), 0);
    }
    for (uint32_t taken = 0; taken < 7;) {
        struct port_buffer *buffer = receive(&receiver);
        for (uint32_t i = 0; i < buffer->slice_count; i++, taken++) {
            const struct port_slice *slice = &buffer->slices[i];
            assert_int_equal(slice->size, sizes[taken]);
            for (uint32_t n = 0; n < slice->size; n++)
                assert_int_equal(buffer->bytes[slice->offset + n], 'a' + taken);
            assert_string_equal(address_format(&slice->peer, text), me(expected));
            assert_false(slice->truncated);
        }
        port_buffer_release(buffer);
    }
    client_close(&client);
    close_receiver(&receiver);
}

static void of_a_datagram_that_is_too_long_the_size_is_known(void **state) {
    static uint8_t bytes[PLACE_BYTES + 1000];
    struct receiver receiver;
    struct client client;
    open_receiver(&receiver, *state, PATH);
    assert_int_equal(client_datagrams_unix(PATH, &client), 0);
    assert_int_equal(client_send(&client, bytes, PLACE_BYTES), 0);
    assert_int_equal(client_send(&client, bytes, sizeof bytes), 0);
    struct port_buffer *buffer = receive(&receiver);
    assert_int_equal(buffer->slices[0].size, PLACE_BYTES);
    assert_false(buffer->slices[0].truncated);
    if (buffer->slice_count == 1) {
        port_buffer_release(buffer);
        buffer = receive(&receiver);
    }
    const struct port_slice *last = &buffer->slices[buffer->slice_count - 1];
    assert_true(last->truncated);
    assert_int_equal(last->size, PLACE_BYTES);
    assert_int_equal(last->missing, 1000);
    port_buffer_release(buffer);
    client_close(&client);
    close_receiver(&receiver);
}

struct sender {
    uint32_t count, sent;
    int error;
};

static void *send_numbers(void *context) {
    struct sender *sender = context;
    struct client client;
    sender->error = client_datagrams_unix(PATH, &client);
    while (sender->error == 0 && sender->sent < sender->count) {
        sender->error = client_send(&client, &sender->sent, sizeof sender->sent);
        if (sender->error == 0) sender->sent++;
    }
    client_close(&client);
    return NULL;
}

/* Takes what has arrived: the next numbers. */
static bool take_numbers(struct receiver *receiver, uint32_t *next) {
    struct port_buffer *buffer = receive(receiver);
    if (buffer == NULL) return false;
    for (uint32_t i = 0; i < buffer->slice_count; i++, ++*next) {
        uint32_t number;
        assert_int_equal(buffer->slices[i].size, sizeof number);
        memcpy(&number, buffer->bytes + buffer->slices[i].offset, sizeof number);
        assert_int_equal(number, *next);
    }
    port_buffer_release(buffer);
    return true;
}

static void a_full_queue_stops_the_sender_and_nothing_is_lost(void **state) {
    struct receiver receiver;
    struct sender sender = {.count = scaled(50000)};
    pthread_t thread;
    uint32_t next = 0;
    open_receiver(&receiver, *state, PATH);
    assert_int_equal(pthread_create(&thread, NULL, send_numbers, &sender), 0);
    while (next < sender.count)
        assert_true(take_numbers(&receiver, &next));
    pthread_join(thread, NULL);
    assert_int_equal(sender.error, 0);
    assert_int_equal(port_kernel_drops(&receiver.socket), 0);
    close_receiver(&receiver);
}

/* The sender knows how many have arrived: the others fail. */
static void at_its_end_what_was_accepted_is_received_and_the_rest_is_refused(void **state) {
    struct receiver receiver;
    struct sender sender = {.count = UINT32_MAX};
    pthread_t thread;
    uint32_t next = 0;
    open_receiver(&receiver, *state, PATH);
    assert_int_equal(pthread_create(&thread, NULL, send_numbers, &sender), 0);
    while (next < 100)
        assert_true(take_numbers(&receiver, &next));
    port_end_datagrams(receiver.port, &receiver.socket);
    while (take_numbers(&receiver, &next))
        ;
    assert_int_equal(receiver.receive.result, 0);
    pthread_join(thread, NULL);
    assert_int_equal(sender.error, ERR_CLOSED);
    assert_int_equal(sender.sent, next);
    close_receiver(&receiver);
}

/* Once it has ended no event comes any more: the next receive must not wait for one. */
static void the_end_is_found_whenever_the_last_datagram_is_received(void **state) {
    for (int settled = 0; settled < 4; settled++) {
        struct receiver receiver;
        struct client client;
        uint32_t next = 0;
        open_receiver(&receiver, *state, PATH);
        assert_int_equal(client_datagrams_unix(PATH, &client), 0);
        for (uint32_t n = 0; n < 3; n++)
            assert_int_equal(client_send(&client, &n, sizeof n), 0);
        port_end_datagrams(receiver.port, &receiver.socket);
        if (settled & 1) settle(receiver.port);
        assert_true(take_numbers(&receiver, &next));
        if (settled & 2) settle(receiver.port);
        assert_int_equal(next, 3);
        assert_false(take_numbers(&receiver, &next));
        assert_int_equal(receiver.receive.result, 0);
        client_close(&client);
        close_receiver(&receiver);
    }
}

/* ---- owners ---- */

static void owners_are_names_or_numbers(void **state) {
    uint32_t user, group;
    (void)state;
    assert_int_equal(unix_owner_find("root", &user, &group), 0);
    assert_true(user == 0 && group == UNIX_UNCHANGED);
    assert_int_equal(unix_owner_find("1:root", &user, &group), 0);
    assert_true(user == 1 && group == 0);
    assert_int_equal(unix_owner_find(":7", &user, &group), 0);
    assert_true(user == UNIX_UNCHANGED && group == 7);
    assert_int_equal(unix_owner_find("no such user", &user, &group), ERR_NOT_FOUND);
    assert_int_equal(unix_owner_find("root:no such group", &user, &group), ERR_NOT_FOUND);
    assert_int_equal(unix_owner_find("4294967295", &user, &group), ERR_NOT_FOUND);
    static const char *const wrong[] = {"", ":", "root:", "a:b:c"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_not_equal(unix_owner_find(wrong[i], &user, &group), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PORT_TEST(a_file_never_has_more_permissions_than_it_gets),
        PORT_TEST(mode_and_owner_do_not_depend_on_the_umask_and_can_be_changed),
        PORT_TEST(a_stale_file_is_replaced_and_a_socket_in_use_is_not),
        PORT_TEST(looking_at_a_socket_in_use_does_not_disturb_it),
        PORT_TEST(what_is_no_socket_is_never_removed),
        PORT_TEST(a_file_that_has_taken_its_place_stays),
        cmocka_unit_test(of_daemons_that_start_together_one_gets_a_stale_path),
        PORT_TEST(a_peer_is_known_by_its_process_user_and_group),
        PORT_TEST(files_that_a_sender_passes_are_not_kept),
        PORT_TEST(datagrams_arrive_whole_in_order_with_their_sender),
        PORT_TEST(of_a_datagram_that_is_too_long_the_size_is_known),
        PORT_TEST(a_full_queue_stops_the_sender_and_nothing_is_lost),
        PORT_TEST(at_its_end_what_was_accepted_is_received_and_the_rest_is_refused),
        PORT_TEST(the_end_is_found_whenever_the_last_datagram_is_received),
        cmocka_unit_test(owners_are_names_or_numbers),
    };
    unlink(PATH);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
