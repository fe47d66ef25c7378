/* iocp_test.c - what the Windows back end does to the system, looked at with
 * the system's own calls: who may have our ports and files, what a console's
 * request becomes, what is left when a port is closed. */
#include <winsock2.h>

#include <aclapi.h>
#include <windows.h>
#include <ws2tcpip.h>

#include "port/windows/iocp.h"
#include "tests/unit/probe.h"

static struct sockaddr_in name_of(const struct port_address *address) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(address->port)};
    memcpy(&name.sin_addr, address->ip, 4);
    return name;
}

static struct port_address loopback(void) {
    return (struct port_address){.family = 4, .ip = {127, 0, 0, 1}};
}

/* ---- sockets ---- */

/* On Windows SO_REUSEADDR lets a program take a port that is in use. */
static void nobody_can_take_the_port_of_a_listener(void **state) {
    struct port *port = *state;
    struct port_socket listener;
    struct port_address address = loopback();
    assert_int_equal(port_listen(port, &listener, &address), 0);
    const SOCKET thief = socket(AF_INET, SOCK_STREAM, 0);
    const BOOL yes = TRUE;
    setsockopt(thief, SOL_SOCKET, SO_REUSEADDR, (const char *)&yes, sizeof yes);
    const struct sockaddr_in name = name_of(&address);
    assert_int_not_equal(bind(thief, (const struct sockaddr *)&name, sizeof name), 0);
    closesocket(thief);
    port_shut(port, &listener);
}

/* SIO_UDP_CONNRESET: without it this receive ends with WSAECONNRESET. */
static void an_icmp_answer_to_something_sent_does_not_end_a_receive(void **state) {
    struct port *port = *state;
    struct port_socket bound, gone;
    struct port_address address = loopback(), nobody = loopback();
    struct port_pool *pool;
    uint32_t granted;
    struct probe receive = probe_new(NULL);
    assert_int_equal(port_bind(port, &gone, &nobody, 65536, &granted), 0);
    port_shut(port, &gone);
    assert_int_equal(port_bind(port, &bound, &address, 65536, &granted), 0);
    assert_int_equal(port_pool_create(port, 8192, 2, 1024, &pool), 0);
    port_receive_datagrams(port, &receive.op, &bound, pool);

    const struct sockaddr_in name = name_of(&nobody), self = name_of(&address);
    assert_int_equal(
        sendto((SOCKET)bound.handle, "?", 1, 0, (const struct sockaddr *)&name, sizeof name), 1);
    port_wait(port, 50 * MS);
    assert_int_equal(receive.returns, 0);
    assert_int_equal(
        sendto((SOCKET)bound.handle, "!", 1, 0, (const struct sockaddr *)&self, sizeof self), 1);
    assert_int_equal(probe_await(port, &receive, 1), 1);
    assert_int_equal(receive.op.buffer->bytes[0], '!');
    port_buffer_release(receive.op.buffer);
    port_shut(port, &bound);
    port_pool_free(pool);
}

/* A Windows that joins datagrams is played here: its WSARecvMsg receives what one datagram holds, and says
 * that it was several of ten bytes. */
static bool joins;
static uint32_t joining_set; /* the largest result that was asked for */

static int WSAAPI receive_joined(SOCKET handle, WSAMSG *message, DWORD *bytes,
                                 OVERLAPPED *overlapped,
                                 LPWSAOVERLAPPED_COMPLETION_ROUTINE routine) {
    WSACMSGHDR *const note = (WSACMSGHDR *)(void *)message->Control.buf;
    const DWORD each = 10;
    DWORD flags = 0;
    assert_true(message->Control.len >= WSA_CMSG_SPACE(sizeof each));
    *note = (WSACMSGHDR){WSA_CMSG_LEN(sizeof each), IPPROTO_UDP, 3};
    memcpy(WSA_CMSG_DATA(note), &each, sizeof each);
    message->Control.len = WSA_CMSG_SPACE(sizeof each);
    return WSARecvFrom(handle, message->lpBuffers, message->dwBufferCount, bytes, &flags,
                       message->name, &message->namelen, overlapped, routine);
}

static int WSAAPI set_joining(SOCKET handle, int level, int name, const char *value, int size) {
    static __typeof__(&setsockopt) original;
    if (original == NULL)
        original =
            (__typeof__(original))(void *)GetProcAddress(GetModuleHandleW(L"ws2_32"), "setsockopt");
    if (!joins || level != IPPROTO_UDP || name != 3)
        return original(handle, level, name, value, size);
    memcpy(&joining_set, value, sizeof joining_set);
    return 0;
}
__typeof__(&setsockopt) __imp_setsockopt = set_joining;

static void joined_datagrams_come_apart(void **state) {
    struct port *port = *state;
    struct iocp *iocp = port->backend;
    struct port_socket bound;
    struct port_address address = loopback();
    struct port_pool *pool, *small;
    struct client client;
    uint32_t granted;
    struct probe receive = probe_new(NULL);
    joins = true;
    iocp->receive_message = receive_joined;
    assert_int_equal(port_bind(port, &bound, &address, 65536, &granted), 0);
    assert_int_equal(port_pool_create(port, 4 * 65536, 2, 65536, &pool), 0);
    assert_int_equal(port_pool_create(port, 4096, 2, 1024, &small), 0);
    assert_int_equal(client_datagrams(&address, &client), 0);
    assert_int_equal(client_send(&client, "aaaaaaaaaabbbbbbbbbbccccc", 25), 0);
    assert_int_equal(client_send(&client, "dddddddddd", 10), 0);
    assert_int_equal(client_send(&client, "", 0), 0);
    char text[64] = "";
    for (uint32_t slices = 0; slices < 5;) {
        port_receive_datagrams(port, &receive.op, &bound, pool);
        slices += (uint32_t)probe_await(port, &receive, receive.returns + 1);
        const struct port_buffer *buffer = receive.op.buffer;
        for (uint32_t i = 0; i < buffer->slice_count; i++) {
            const struct port_slice *slice = &buffer->slices[i];
            strncat(text, (const char *)buffer->bytes + slice->offset, slice->size);
            strcat(text, "|");
            assert_false(slice->truncated);
            assert_int_equal(slice->peer.family, 4);
        }
        port_buffer_release(receive.op.buffer);
    }
    assert_string_equal(text, "aaaaaaaaaa|bbbbbbbbbb|ccccc|dddddddddd||");
    assert_int_equal(joining_set, 65535);

    port_receive_datagrams(port, &receive.op, &bound, small); /* could not hold a joined one */
    assert_int_equal(joining_set, 0);
    port_shut(port, &bound);
    settle(port);
    joins = false;
    client_close(&client);
    port_pool_free(pool);
    port_pool_free(small);
}

static void datagrams_are_joined_only_where_no_driver_takes_part(void **state) {
    struct port *port = *state;
    struct iocp *iocp = port->backend;
    struct port_pool *pool;
    uint32_t granted;
    joins = true;
    iocp->receive_message = receive_joined;
    assert_int_equal(port_pool_create(port, 4 * 65536, 2, 65536, &pool), 0);
    for (int i = 0; i < 3; i++) {
        struct port_socket bound;
        struct port_address address = {.family = 4};
        struct probe receive = probe_new(NULL);
        if (i == 0) address = loopback();
        if (i == 2) SetEnvironmentVariableW(L"LOGPORT_UDP_JOIN", L"1");
        joining_set = 0;
        assert_int_equal(port_bind(port, &bound, &address, 65536, &granted), 0);
        port_receive_datagrams(port, &receive.op, &bound, pool);
        assert_int_equal(joining_set, i == 1 ? 0 : 65535);
        port_shut(port, &bound);
        settle(port);
    }
    SetEnvironmentVariableW(L"LOGPORT_UDP_JOIN", NULL);
    joins = false;
    port_pool_free(pool);
}

/* What the system refuses is played here: the port's calls of these two come here. */
static DWORD attach_refusal; /* the code of the next attempt; 0: none */
static int receive_refusal;
static uint32_t receives_posted;

static HANDLE WINAPI attach_or_refuse(HANDLE handle, HANDLE queue, ULONG_PTR key, DWORD threads) {
    static __typeof__(&CreateIoCompletionPort) original;
    if (original == NULL)
        original = (__typeof__(original))(void *)GetProcAddress(GetModuleHandleW(L"kernel32"),
                                                                "CreateIoCompletionPort");
    if (attach_refusal == 0) return original(handle, queue, key, threads);
    SetLastError(attach_refusal);
    attach_refusal = 0;
    return NULL;
}
__typeof__(&CreateIoCompletionPort) __imp_CreateIoCompletionPort = attach_or_refuse;

static int WSAAPI receive_or_refuse(SOCKET handle, WSABUF *places, DWORD count, DWORD *got,
                                    DWORD *flags, OVERLAPPED *overlapped,
                                    LPWSAOVERLAPPED_COMPLETION_ROUTINE routine) {
    static __typeof__(&WSARecv) original;
    if (original == NULL)
        original =
            (__typeof__(original))(void *)GetProcAddress(GetModuleHandleW(L"ws2_32"), "WSARecv");
    receives_posted++;
    if (receive_refusal == 0)
        return original(handle, places, count, got, flags, overlapped, routine);
    WSASetLastError(receive_refusal);
    receive_refusal = 0;
    return SOCKET_ERROR;
}
__typeof__(&WSARecv) __imp_WSARecv = receive_or_refuse;

static void a_connection_that_cannot_be_attached_waits_in_the_backlog(void **state) {
    struct port *port = *state;
    struct port_socket listener, accepted;
    struct port_address address = loopback();
    struct port_pool *pool;
    struct probe accept = probe_new(NULL), receive = probe_new(NULL);
    struct client client;
    assert_int_equal(port_pool_create(port, 1000, 1, 0, &pool), 0);
    assert_int_equal(port_listen(port, &listener, &address), 0);
    assert_int_equal(client_connect(&address, &client), 0);
    assert_int_equal(client_send(&client, "kept", 4), 0);
    attach_refusal = ERROR_NO_SYSTEM_RESOURCES;
    port_accept(port, &accept.op, &listener, &accepted);
    assert_int_equal(probe_await(port, &accept, 1), ERR_NO_MEMORY);
    port_accept(port, &accept.op, &listener, &accepted);
    assert_int_equal(probe_await(port, &accept, 2), 0);

    receive_refusal = WSAENOBUFS;
    port_receive(port, &receive.op, &accepted, pool);
    assert_int_equal(probe_await(port, &receive, 1), ERR_TOO_MANY_FILES);
    port_receive(port, &receive.op, &accepted, pool);
    assert_int_equal(probe_await(port, &receive, 2), 4);
    assert_memory_equal(receive.op.buffer->bytes, "kept", 4);
    port_buffer_release(receive.op.buffer);
    port_shut(port, &accepted);
    port_shut(port, &listener);
    client_close(&client);
    port_pool_free(pool);
}

static void a_receive_that_filled_its_buffer_is_followed_by_one_that_does_not_wait(void **state) {
    enum { BUFFER = 1000, FULL = 20 };
    struct port *port = *state;
    struct port_socket listener, accepted;
    struct port_address address = loopback();
    struct port_pool *pool;
    struct probe accept = probe_new(NULL), receive = probe_new(NULL);
    struct client client;
    uint8_t bytes[FULL * BUFFER] = {0};
    assert_int_equal(port_pool_create(port, BUFFER, 1, 0, &pool), 0);
    assert_int_equal(port_listen(port, &listener, &address), 0);
    port_accept(port, &accept.op, &listener, &accepted);
    assert_int_equal(client_connect(&address, &client), 0);
    assert_int_equal(probe_await(port, &accept, 1), 0);
    assert_int_equal(client_send(&client, bytes, sizeof bytes), 0);
    receives_posted = 0;
    for (uint32_t i = 0; i < FULL; i++) {
        port_receive(port, &receive.op, &accepted, pool);
        assert_int_equal(probe_await(port, &receive, i + 1), BUFFER);
        port_buffer_release(receive.op.buffer);
    }
    assert_int_equal(receives_posted, 1);
    port_receive(port, &receive.op, &accepted, pool); /* nothing is left: this one waits */
    port_wait(port, 5 * MS);
    assert_int_equal(receive.returns, FULL);
    assert_int_equal(receives_posted, 2);
    assert_int_equal(client_send(&client, bytes, 1), 0);
    assert_int_equal(probe_await(port, &receive, FULL + 1), 1);
    port_buffer_release(receive.op.buffer);
    port_shut(port, &accepted);
    port_shut(port, &listener);
    client_close(&client);
    port_pool_free(pool);
}

static void several_accepts_are_posted_as_long_as_the_listener_is_open(void **state) {
    struct port *port = *state;
    struct iocp *iocp = port->backend;
    struct port_socket listener, accepted;
    struct port_address address = loopback();
    struct probe accept = probe_new(NULL);
    struct client clients[10];
    assert_int_equal(port_listen(port, &listener, &address), 0);
    port_accept(port, &accept.op, &listener, &accepted);
    const uint32_t posted = accepts_posted(iocp, &listener);
    assert_in_range(posted, 8, 64);
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(client_connect(&address, &clients[i]), 0);
    assert_int_equal(probe_await(port, &accept, 1), 0);
    port_shut(port, &accepted);
    while (accepts_posted(iocp, &listener) > posted - 10) /* the others wait for an accept */
        port_wait(port, MS);
    port_accept(port, &accept.op, &listener, &accepted);
    assert_int_equal(probe_await(port, &accept, 2), 0);
    assert_int_equal(accepts_posted(iocp, &listener), posted - 8);
    port_shut(port, &accepted);
    port_shut(port, &listener);
    uint8_t byte; /* connections that nothing has accepted end with the listener */
    for (uint32_t i = 2; i < 10; i++)
        assert_true(client_receive(&clients[i], &byte, 1, 10000) <= 0);
    for (uint32_t i = 0; i < 10; i++)
        client_close(&clients[i]);
}

static void an_urgent_byte_is_received_in_its_place(void **state) {
    static const struct {
        const char *text;
        int flags; /* MSG_OOB: the last byte is urgent */
    } parts[] = {{"!", MSG_OOB}, {"begin", 0},      {"?", MSG_OOB}, {"#", MSG_OOB},
                 {"mid", 0},     {"abc$", MSG_OOB}, {"end", 0},     {".", MSG_OOB}};
    struct port *port = *state;
    struct port_socket listener, accepted;
    struct port_address address = loopback();
    struct port_pool *pool;
    struct probe accept = probe_new(NULL), receive = probe_new(NULL);
    struct client client;
    char sent[40] = "", got[40] = "";
    assert_int_equal(port_pool_create(port, 1000, 1, 0, &pool), 0);
    assert_int_equal(port_listen(port, &listener, &address), 0);
    port_accept(port, &accept.op, &listener, &accepted);
    assert_int_equal(client_connect(&address, &client), 0);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const int size = (int)strlen(parts[i].text);
        assert_int_equal(send((SOCKET)client.handle, parts[i].text, size, parts[i].flags), size);
        strcat(sent, parts[i].text);
    }
    assert_int_equal(probe_await(port, &accept, 1), 0);
    while (strlen(got) < strlen(sent)) {
        port_receive(port, &receive.op, &accepted, pool);
        const int64_t size = probe_await(port, &receive, receive.returns + 1);
        assert_true(size > 0);
        strncat(got, (const char *)receive.op.buffer->bytes, (size_t)size);
        port_buffer_release(receive.op.buffer);
    }
    assert_string_equal(got, sent);
    port_shut(port, &accepted);
    port_shut(port, &listener);
    client_close(&client);
    port_pool_free(pool);
}

static void no_socket_is_handed_to_children(void **state) {
    struct port *port = *state;
    struct port_socket listener, accepted;
    struct port_address address = loopback();
    struct probe accept = probe_new(NULL);
    struct client client;
    assert_int_equal(port_listen(port, &listener, &address), 0);
    port_accept(port, &accept.op, &listener, &accepted);
    assert_int_equal(client_connect(&address, &client), 0);
    assert_int_equal(probe_await(port, &accept, 1), 0);
    const intptr_t handles[] = {listener.handle, accepted.handle, client.handle};
    for (size_t i = 0; i < sizeof handles / sizeof handles[0]; i++) {
        DWORD flags = HANDLE_FLAG_INHERIT;
        assert_true(GetHandleInformation((HANDLE)handles[i], &flags));
        assert_int_equal(flags & HANDLE_FLAG_INHERIT, 0);
    }
    client_close(&client);
    port_shut(port, &accepted);
    port_shut(port, &listener);
}

/* ---- files ---- */

/* As Windows does it: a write that ends at once returns TRUE and sends its packet, unless the handle is
 * in the mode that skips it; one that fails at once sends none. */
static bool plays_windows;
static DWORD write_refusal;
static DWORD modes_set;

static BOOL WINAPI write_as_windows(HANDLE handle, const void *bytes, DWORD size, DWORD *moved,
                                    OVERLAPPED *overlapped) {
    static __typeof__(&WriteFile) original;
    if (original == NULL)
        original = (__typeof__(original))(void *)GetProcAddress(GetModuleHandleW(L"kernel32"),
                                                                "WriteFile");
    if (plays_windows && write_refusal != 0) {
        SetLastError(write_refusal);
        return FALSE;
    }
    const BOOL ended = original(handle, bytes, size, moved, overlapped);
    return ended || (plays_windows && overlapped != NULL && GetLastError() == ERROR_IO_PENDING);
}
__typeof__(&WriteFile) __imp_WriteFile = write_as_windows;

static BOOL WINAPI set_modes(HANDLE handle, UCHAR modes) {
    static __typeof__(&SetFileCompletionNotificationModes) original;
    if (original == NULL)
        original = (__typeof__(original))(void *)GetProcAddress(
            GetModuleHandleW(L"kernel32"), "SetFileCompletionNotificationModes");
    modes_set++;
    return original(handle, modes);
}
__typeof__(&SetFileCompletionNotificationModes) __imp_SetFileCompletionNotificationModes =
    set_modes;

static void the_kernel_completes_writes_and_each_once(void **state) {
    struct port *port = *state;
    struct iocp *iocp = port->backend;
    static const char path[] = "iocp_test.writes";
    struct probe write = probe_new(NULL);
    struct file file;
    char text[8] = "";
    iocp->is_wine = false;
    plays_windows = true;
    modes_set = 0;
    file_remove(port_files(port), path);
    assert_int_equal(file_open(port_files(port), path, FILE_WRITE_NEW, &file), 0);
    for (uint32_t i = 0; i < 4; i++) {
        port_write(port, &write.op, &file, &"abcd"[i], 1, i);
        assert_int_equal(probe_await(port, &write, i + 1), 1);
    }
    write_refusal = ERROR_DISK_FULL;
    port_write(port, &write.op, &file, "e", 1, 4);
    assert_int_equal(probe_await(port, &write, 5), ERR_NO_SPACE);
    write_refusal = 0;
    port_write(port, &write.op, &file, "f", 1, 4);
    assert_int_equal(probe_await(port, &write, 6), 1);
    settle(port); /* no packet is left */
    assert_int_equal(write.returns, 6);
    assert_int_equal(modes_set, 0);
    plays_windows = false;
    assert_int_equal(file_read_at(&file, text, sizeof text, 0), 5);
    assert_string_equal(text, "abcdf");
    file_close(&file);
    assert_int_equal(file_remove(port_files(port), path), 0);
}

static void a_secret_file_is_its_users_alone(void **state) {
    struct port *port = *state;
    static const char path[] = "iocp_test.secret";
    struct file file;
    assert_int_equal(file_open(port_files(port), path, FILE_WRITE_SECRET, &file), 0);
    ACL *list = NULL;
    PSECURITY_DESCRIPTOR descriptor = NULL;
    assert_int_equal(GetSecurityInfo((HANDLE)file.handle, SE_FILE_OBJECT, DACL_SECURITY_INFORMATION,
                                     NULL, NULL, &list, NULL, &descriptor),
                     0);
    assert_non_null(list);
    for (DWORD i = 0; i < list->AceCount; i++) {
        ACCESS_ALLOWED_ACE *entry;
        assert_true(GetAce(list, i, (void **)&entry));
        if (entry->Header.AceType != ACCESS_ALLOWED_ACE_TYPE) continue;
        assert_false(IsWellKnownSid(&entry->SidStart, WinWorldSid));
        assert_false(IsWellKnownSid(&entry->SidStart, WinBuiltinUsersSid));
    }
    LocalFree(descriptor);
    file_close(&file);
    assert_int_equal(file_remove(port_files(port), path), 0);
}

/* ---- pipes ---- */

#define PIPE_PATH "\\\\.\\pipe\\logport-iocp-test"

/* Serves one connection, as zcat would. */
static DWORD WINAPI serve_pipe(void *server) {
    DWORD written;
    ConnectNamedPipe(server, NULL);
    WriteFile(server, "one\n", 4, &written, NULL);
    WriteFile(server, "two\n", 4, &written, NULL);
    FlushFileBuffers(server);
    CloseHandle(server);
    return 0;
}

static void a_named_pipe_is_read_to_its_end_and_its_status_does_not_connect(void **state) {
    struct files *files = port_files(*state);
    struct file_status status;
    struct file file;
    char text[16];
    int64_t got, size = 0;
    const HANDLE server = CreateNamedPipeW(L"" PIPE_PATH, PIPE_ACCESS_OUTBOUND, PIPE_TYPE_BYTE, 1,
                                           4096, 4096, 0, NULL);
    assert_ptr_not_equal(server, INVALID_HANDLE_VALUE);
    assert_int_equal(file_status_of(files, PIPE_PATH, &status), 0);
    assert_true(status.special && status.pipe);
    assert_int_equal(file_status_of(files, "//./pipe/LOGPORT-iocp-test", &status), 0);
    assert_true(status.pipe);
    const HANDLE thread = CreateThread(NULL, 0, serve_pipe, server, 0, NULL);
    assert_int_equal(file_open(files, PIPE_PATH, FILE_READ_ANY, &file), 0);
    while ((got = file_read_next(&file, text + size, sizeof text - (size_t)size)) > 0)
        size += got;
    assert_int_equal(got, 0);
    assert_int_equal(size, 8);
    assert_memory_equal(text, "one\ntwo\n", 8);
    file_close(&file);
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
}

/* ---- the console ---- */

static void ctrl_c_is_a_request_to_stop_and_one_in_between_is_kept(void **state) {
    struct port *port = *state;
    struct probe probe = probe_new(NULL);
    port_signal(port, &probe.op);
    if (!GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0)) { /* no console here */
        port_cancel(&probe.op);
        settle(port);
        skip();
    }
    assert_int_equal(probe_await(port, &probe, 1), PORT_SIGNAL_STOP);
    assert_true(GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0)); /* nobody asks at the moment */
    port_wait(port, 100 * MS);
    port_signal(port, &probe.op);
    assert_int_equal(probe_await(port, &probe, 2), PORT_SIGNAL_STOP);
}

/* ---- closing ---- */

static DWORD handles_open(void) {
    DWORD count = 0;
    GetProcessHandleCount(GetCurrentProcess(), &count);
    return count;
}

static void open_use_and_close(void) {
    struct port *port;
    struct port_socket listener, accepted;
    struct port_address address = loopback();
    struct probe accept = probe_new(NULL), timer = probe_new(NULL);
    struct client client;
    assert_int_equal(port_open(NULL, &port), 0);
    port_timer(port, &timer.op, port_now_ns(port) + MS);
    probe_await(port, &timer, 1);
    assert_int_equal(port_listen(port, &listener, &address), 0);
    port_accept(port, &accept.op, &listener, &accepted);
    assert_int_equal(client_connect(&address, &client), 0);
    assert_int_equal(probe_await(port, &accept, 1), 0);
    port_shut(port, &accepted);
    port_accept(port, &accept.op, &listener, &accepted);
    port_shut(port, &listener);
    assert_int_equal(probe_await(port, &accept, 2), ERR_CANCELLED);
    client_close(&client);
    port_close(port);
}

static void a_closed_port_leaves_no_handle_behind(void **state) {
    (void)state;
    open_use_and_close(); /* the first time the system keeps some for itself */
    const DWORD before = handles_open();
    enum { TIMES = 20 };
    for (int i = 0; i < TIMES; i++)
        open_use_and_close();
    assert_in_range(handles_open(), 0, before + TIMES / 2);
}

int program_main(int argc, char **argv) {
    (void)argc, (void)argv;
    const struct CMUnitTest tests[] = {
        PORT_TEST(nobody_can_take_the_port_of_a_listener),
        PORT_TEST(an_icmp_answer_to_something_sent_does_not_end_a_receive),
        PORT_TEST(joined_datagrams_come_apart),
        PORT_TEST(datagrams_are_joined_only_where_no_driver_takes_part),
        PORT_TEST(a_connection_that_cannot_be_attached_waits_in_the_backlog),
        PORT_TEST(a_receive_that_filled_its_buffer_is_followed_by_one_that_does_not_wait),
        PORT_TEST(several_accepts_are_posted_as_long_as_the_listener_is_open),
        PORT_TEST(an_urgent_byte_is_received_in_its_place),
        PORT_TEST(no_socket_is_handed_to_children),
        PORT_TEST(the_kernel_completes_writes_and_each_once),
        PORT_TEST(a_secret_file_is_its_users_alone),
        PORT_TEST(a_named_pipe_is_read_to_its_end_and_its_status_does_not_connect),
        PORT_TEST(ctrl_c_is_a_request_to_stop_and_one_in_between_is_kept),
        cmocka_unit_test(a_closed_port_leaves_no_handle_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
