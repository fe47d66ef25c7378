/* lacking.h - what Microsoft's SDK defines and Wine 8's headers lack. */
#define FILE_SKIP_COMPLETION_PORT_ON_SUCCESS 1
#define FILE_SKIP_SET_EVENT_ON_HANDLE        2
#define szOID_ANY_ENHANCED_KEY_USAGE         "2.5.29.37.0"
#define IO_REPARSE_TAG_AF_UNIX               0x80000023L
#define THREAD_MODE_BACKGROUND_BEGIN         0x00010000
#define SOMAXCONN_HINT(count)                (-(count))
unsigned short __stdcall GetActiveProcessorGroupCount(void);
struct _GROUP_AFFINITY;
int __stdcall SetThreadGroupAffinity(void *thread, const struct _GROUP_AFFINITY *group, struct _GROUP_AFFINITY *before);
#define PROTECTED_DACL_SECURITY_INFORMATION  0x80000000L
#define SERVICE_SID_TYPE_UNRESTRICTED        1
#define WSA_CMSG_SPACE(size)                 (sizeof(WSACMSGHDR) + (((size) + 7) & ~(size_t)7))
