/* errno_test.c - every error that the manual pages of file and socket calls name has a text of its
 * own. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "port/error.h"
#include "port/linux/linux.h"
#include "port/system.h"

static void errors_that_the_manual_names_are_known(void **state) {
    (void)state;
    static const int documented[] = {E2BIG,
                                     EACCES,
                                     EADDRINUSE,
                                     EADDRNOTAVAIL,
                                     EAFNOSUPPORT,
                                     EAGAIN,
                                     EALREADY,
                                     EBADF,
                                     EBADMSG,
                                     EBUSY,
                                     ECANCELED,
                                     ECHILD,
                                     ECONNABORTED,
                                     ECONNREFUSED,
                                     ECONNRESET,
                                     EDEADLK,
                                     EDESTADDRREQ,
                                     EDQUOT,
                                     EEXIST,
                                     EFAULT,
                                     EFBIG,
                                     EHOSTDOWN,
                                     EHOSTUNREACH,
                                     EHWPOISON,
                                     EILSEQ,
                                     EINPROGRESS,
                                     EINTR,
                                     EINVAL,
                                     EIO,
                                     EISCONN,
                                     EISDIR,
                                     ELOOP,
                                     EMFILE,
                                     EMLINK,
                                     EMSGSIZE,
                                     ENAMETOOLONG,
                                     ENETDOWN,
                                     ENETRESET,
                                     ENETUNREACH,
                                     ENFILE,
                                     ENOBUFS,
                                     ENODATA,
                                     ENODEV,
                                     ENOENT,
                                     ENOEXEC,
                                     ENOKEY,
                                     ENOLCK,
                                     ENOLINK,
                                     ENOMEDIUM,
                                     ENOMEM,
                                     ENOPROTOOPT,
                                     ENOSPC,
                                     ENOSYS,
                                     ENOTBLK,
                                     ENOTCONN,
                                     ENOTDIR,
                                     ENOTEMPTY,
                                     ENOTSOCK,
                                     ENOTSUP,
                                     ENOTTY,
                                     ENXIO,
                                     EOPNOTSUPP,
                                     EOVERFLOW,
                                     EPERM,
                                     EPFNOSUPPORT,
                                     EPIPE,
                                     EPROTO,
                                     EPROTOTYPE,
                                     EREMOTEIO,
                                     EROFS,
                                     ESHUTDOWN,
                                     ESOCKTNOSUPPORT,
                                     ESPIPE,
                                     ESRCH,
                                     ESTALE,
                                     ETIMEDOUT,
                                     EPROTONOSUPPORT,
                                     ETXTBSY,
                                     EUCLEAN,
                                     EUSERS,
                                     EWOULDBLOCK,
                                     EXDEV};
    for (size_t i = 0; i < sizeof documented / sizeof documented[0]; i++)
        if (error_of_errno(documented[i]) < ERR_NONE_)
            fail_msg("errno %d has no text", documented[i]);
    assert_int_equal(error_of_errno(EXDEV), ERR_OTHER_VOLUME);
}

static void an_errno_without_an_error_of_its_own_keeps_its_number_and_text(void **state) {
    (void)state;
    const int error = error_of_errno(ENOANO);
    assert_true(error < 0);
    char expected[64];
    snprintf(expected, sizeof expected, "errno %d: No anode", ENOANO);
    assert_string_equal(error_text(error), expected);
    assert_string_equal(error_text(error_of_errno(100000)), "errno 100000: unknown");
    assert_string_equal(error_text(error_of_errno(EXDEV)), error_text(ERR_OTHER_VOLUME));
    assert_string_equal(error_text(error_of_unknown(1u << 30)), error_text(ERR_OTHER));
}

int program_main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_that_the_manual_names_are_known),
        cmocka_unit_test(an_errno_without_an_error_of_its_own_keeps_its_number_and_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
