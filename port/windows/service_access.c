/* service_access.c - who may use the files of a service: access lists, and the SID of its account. */
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>
#include <windows.h>

#include <aclapi.h>
#include <sddl.h>
#include <wincrypt.h>

#include "port/windows/iocp.h"
#include "port/windows/service_parts.h"

#define SHA1_BYTES 20

/* Read, write and delete, in this directory and below; not: change who may do so. */
#define MAY_CHANGE (FILE_GENERIC_READ | FILE_GENERIC_WRITE | FILE_GENERIC_EXECUTE | DELETE)
#define MAY_READ   (FILE_GENERIC_READ | FILE_GENERIC_EXECUTE)

/* ---- the SID ---- */

static bool sha1(const void *bytes, size_t size, uint8_t digest[SHA1_BYTES]) {
    HCRYPTPROV provider;
    HCRYPTHASH hash;
    DWORD length = SHA1_BYTES;
    if (!CryptAcquireContextW(&provider, NULL, NULL, PROV_RSA_FULL, CRYPT_VERIFYCONTEXT))
        return false;
    bool done = CryptCreateHash(provider, CALG_SHA1, 0, 0, &hash);
    if (done) {
        done = CryptHashData(hash, bytes, (DWORD)size, 0) &&
               CryptGetHashParam(hash, HP_HASHVAL, digest, &length, 0);
        CryptDestroyHash(hash);
    }
    CryptReleaseContext(provider, 0);
    return done;
}

/* S-1-5-80 and the SHA-1 of the name in upper case, as five numbers.  Not RtlCreateServiceSid, which
 * is not documented. */
void service_sid(const wchar_t *name, wchar_t sid[SERVICE_SID_UNITS]) {
    uint8_t digest[SHA1_BYTES] = {0};
    wchar_t *const upper = _wcsdup(name);
    sid[0] = L'\0';
    if (upper == NULL) return;
    for (wchar_t *p = upper; *p != L'\0'; p++)
        *p = towupper(*p);
    const bool done = sha1(upper, wcslen(upper) * sizeof *upper, digest);
    free(upper);
    if (!done) return;
    int used = swprintf(sid, SERVICE_SID_UNITS, L"S-1-5-80");
    for (const uint8_t *p = digest; p < digest + SHA1_BYTES; p += 4) {
        const uint32_t part =
            (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        used +=
            swprintf(sid + used, SERVICE_SID_UNITS - (size_t)used, L"-%lu", (unsigned long)part);
    }
}

/* ---- directories ---- */

/* Inherits nothing from %ProgramData%, where every user may make files. */
static int home_descriptor(const wchar_t *sid, PSECURITY_DESCRIPTOR *descriptor) {
    wchar_t text[256];
    swprintf(text, sizeof text / sizeof *text,
             L"D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x%lx;;;%ls)", (unsigned long)MAY_CHANGE,
             sid);
    return ConvertStringSecurityDescriptorToSecurityDescriptorW(text, SDDL_REVISION_1, descriptor,
                                                                NULL)
               ? 0
               : last_error();
}

static bool is_ours(PSID owner) {
    HANDLE token;
    union {
        TOKEN_USER user;
        uint8_t room[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    } found;
    DWORD size;
    if (IsWellKnownSid(owner, WinBuiltinAdministratorsSid) ||
        IsWellKnownSid(owner, WinLocalSystemSid))
        return true;
    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token)) return false;
    const BOOL known = GetTokenInformation(token, TokenUser, &found, sizeof found, &size);
    CloseHandle(token);
    return known && EqualSid(owner, found.user.User.Sid);
}

/* Some headers declare the name without const. */
static wchar_t *name_of(const wchar_t *path) {
    return (wchar_t *)(uintptr_t)path;
}

/* Every user may make directories in %ProgramData%: one that another user has prepared, with a
 * configuration or a link in it, must not be used. */
static int check_owner(const wchar_t *path) {
    PSECURITY_DESCRIPTOR found;
    PSID owner;
    const DWORD attributes = GetFileAttributesW(path);
    if (attributes == INVALID_FILE_ATTRIBUTES) return last_error();
    if (!(attributes & FILE_ATTRIBUTE_DIRECTORY)) return ERR_NOT_DIRECTORY;
    if (attributes & FILE_ATTRIBUTE_REPARSE_POINT) return ERR_EXISTS;
    const DWORD code =
        GetNamedSecurityInfoW(name_of(path), SE_FILE_OBJECT, OWNER_SECURITY_INFORMATION, &owner,
                              NULL, NULL, NULL, &found);
    if (code != ERROR_SUCCESS) return error_of_windows(code);
    const bool ours = is_ours(owner);
    LocalFree(found);
    return ours ? 0 : ERR_EXISTS;
}

static int set_access(const wchar_t *path, ACL *list, bool inherits) {
    const SECURITY_INFORMATION what =
        DACL_SECURITY_INFORMATION | (inherits ? 0 : PROTECTED_DACL_SECURITY_INFORMATION);
    const DWORD code =
        SetNamedSecurityInfoW(name_of(path), SE_FILE_OBJECT, what, NULL, NULL, list, NULL);
    return code == ERROR_SUCCESS ? 0 : error_of_windows(code);
}

int service_directory(const wchar_t *path, const wchar_t *sid, bool *made) {
    SECURITY_ATTRIBUTES attributes = {.nLength = sizeof attributes};
    ACL *list;
    BOOL present, preset;
    int error = home_descriptor(sid, &attributes.lpSecurityDescriptor);
    if (error) return error;
    *made = CreateDirectoryW(path, &attributes);
    if (!*made) error = GetLastError() == ERROR_ALREADY_EXISTS ? check_owner(path) : last_error();
    if (!error && !*made &&
        GetSecurityDescriptorDacl(attributes.lpSecurityDescriptor, &present, &list, &preset))
        error = set_access(path, list, false);
    LocalFree(attributes.lpSecurityDescriptor);
    return error;
}

int service_grant(const wchar_t *path, const wchar_t *sid, bool writes) {
    PSECURITY_DESCRIPTOR found = NULL;
    PSID account = NULL;
    ACL *list, *longer = NULL;
    if (!ConvertStringSidToSidW(sid, &account)) return last_error();
    DWORD code = GetNamedSecurityInfoW(name_of(path), SE_FILE_OBJECT, DACL_SECURITY_INFORMATION,
                                       NULL, NULL, &list, NULL, &found);
    EXPLICIT_ACCESSW entry = {
        .grfAccessPermissions = writes ? MAY_CHANGE : MAY_READ,
        .grfAccessMode = GRANT_ACCESS,
        .grfInheritance = writes ? SUB_CONTAINERS_AND_OBJECTS_INHERIT : NO_INHERITANCE,
        .Trustee = {.TrusteeForm = TRUSTEE_IS_SID, .ptstrName = (wchar_t *)account}};
    if (code == ERROR_SUCCESS) code = SetEntriesInAclW(1, &entry, list, &longer);
    const int error =
        code == ERROR_SUCCESS ? set_access(path, longer, true) : error_of_windows(code);
    LocalFree(longer);
    LocalFree(found);
    LocalFree(account);
    return error;
}
