/* service_events.h - the numbers of the messages in events.mc, which logportd.exe contains for the
 * Event Log.  Their upper bits are the severity. */
#ifndef PORT_WINDOWS_SERVICE_EVENTS_H
#define PORT_WINDOWS_SERVICE_EVENTS_H

#define EVENT_OF_INFORMATION 0x40000001u
#define EVENT_OF_WARNING     0x80000002u
#define EVENT_OF_ERROR       0xC0000003u

#endif
