/* lacking.h - what Microsoft's SDK defines and Wine 8's headers lack. */
#define FILE_SKIP_COMPLETION_PORT_ON_SUCCESS 1
#define FILE_SKIP_SET_EVENT_ON_HANDLE        2
#define szOID_ANY_ENHANCED_KEY_USAGE         "2.5.29.37.0"
#define IO_REPARSE_TAG_AF_UNIX               0x80000023L
