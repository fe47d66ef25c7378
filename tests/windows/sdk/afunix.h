/* afunix.h - as in Microsoft's SDK; Wine 8 lacks it. */
#include <winsock2.h>

#define UNIX_PATH_MAX          108
#define SIO_AF_UNIX_GETPEERPID _WSAIOR(IOC_VENDOR, 256)

typedef struct sockaddr_un {
    ADDRESS_FAMILY sun_family;
    char sun_path[UNIX_PATH_MAX];
} SOCKADDR_UN;
