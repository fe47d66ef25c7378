; logport.nsi - the installer.  packaging/windows/build compiles it and defines:
;   VERSION  0.2.0      VERSION_DOTS  0.2.0.0
;   STAGE    folder with everything to install     SIZE_KIB  its size
;   FILES    script that defines the macros INSTALL_FILES and DELETE_FILES
;   PATH_ENTRY  path_entry.exe     OUTPUT  file to write
;
; NSIS cuts texts after 1,023 characters: the PATH of the machine never passes through its variables,
; path_entry.exe changes it.
Unicode true
Target amd64-unicode
SetCompressor /SOLID lzma
ManifestSupportedOS all
ManifestLongPathAware true
RequestExecutionLevel admin
AllowSkipFiles off

!include MUI2.nsh
!include LogicLib.nsh
!include FileFunc.nsh
!include Sections.nsh
!include WinVer.nsh
!include "${FILES}"

!define UNINSTALL_KEY "Software\Microsoft\Windows\CurrentVersion\Uninstall\logport"
!define SERVICE_KEY "SYSTEM\CurrentControlSet\Services\logportd"
!define RULE "logport"
; Exit codes of a silent run; docs/windows.md describes them.
!define EXIT_FAILED 2
!define EXIT_SERVICE_FAILED 3
; How long the service may take to stop: it stores what it has received.
!define STOP_TRIES 6000 ; of 100 ms
!define SERVICE_STOPPED 1

Name "logport ${VERSION}"
BrandingText "logport ${VERSION}"
OutFile "${OUTPUT}"
InstallDir "$PROGRAMFILES64\logport"
InstallDirRegKey HKLM "${UNINSTALL_KEY}" "InstallLocation"
VIProductVersion "${VERSION_DOTS}"
VIAddVersionKey "ProductName" "logport"
VIAddVersionKey "ProductVersion" "${VERSION}"
VIAddVersionKey "FileVersion" "${VERSION}"
VIAddVersionKey "FileDescription" "Installer of logport"
VIAddVersionKey "CompanyName" "the logport authors"
VIAddVersionKey "LegalCopyright" "Copyright (c) 2026 the logport authors, MIT License"

Var LogFile
Var ServiceOptions
Var WasRunning ; 1: the service ran before and is started again
Var ExitCode

!define MUI_ABORTWARNING
!insertmacro MUI_PAGE_WELCOME
!insertmacro MUI_PAGE_LICENSE "${STAGE}\LICENSE.txt"
!insertmacro MUI_PAGE_COMPONENTS
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_COMPONENTS
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"

; ---- shared by installer and uninstaller ----

; NSIS wants a copy of each function for the uninstaller, whose name begins with "un.".
!macro SHARED UN

; Writes a line to the log, and shows it.  Input: the line on the stack.
Function ${UN}Say
    Exch $0
    Push $1
    DetailPrint $0
    ClearErrors
    FileOpen $1 $LogFile a
    ${IfNot} ${Errors}
        FileSeek $1 0 END
        FileWriteUTF16LE /BOM $1 "$0$\r$\n"
        FileClose $1
    ${EndIf}
    Pop $1
    Pop $0
FunctionEnd

; Says why it ends, and ends with EXIT_FAILED.  Input: the reason on the stack.
Function ${UN}Fail
    Exch $0
    Push $0
    Call ${UN}Say
    SetErrorLevel ${EXIT_FAILED}
    MessageBox MB_OK|MB_ICONSTOP "$0" /SD IDOK
    Abort
FunctionEnd

; Runs a command, waits for its end and logs it with its output.  Input: the command on the stack;
; output: its exit code there, or "error" or "timeout".
Function ${UN}Run
    Exch $0
    Push $1
    Push $2
    Push $0
    Call ${UN}Say
    nsExec::ExecToStack /TIMEOUT=120000 "$0"
    Pop $1
    Pop $2
    ${If} $2 != ""
        Push $2
        Call ${UN}Say
    ${EndIf}
    ${If} $1 != 0
        Push "exit code $1"
        Call ${UN}Say
    ${EndIf}
    StrCpy $0 $1
    Pop $2
    Pop $1
    Exch $0
FunctionEnd

; Output: the state of the service on the stack (SERVICE_STOPPED, ...), 0: there is no such service.
Function ${UN}ServiceState
    Push $0
    Push $1
    Push $2
    Push $3
    StrCpy $3 0
    ; 1: SC_MANAGER_CONNECT; 4: SERVICE_QUERY_STATUS
    System::Call 'advapi32::OpenSCManagerW(p 0, p 0, i 1) p .r0'
    ${If} $0 P<> 0
        System::Call 'advapi32::OpenServiceW(p r0, w "logportd", i 4) p .r1'
        ${If} $1 P<> 0
            System::Call '*(i, i, i, i, i, i, i) p .r2'
            System::Call 'advapi32::QueryServiceStatus(p r1, p r2)'
            System::Call '*$2(i, i .r3, i, i, i, i, i)'
            System::Free $2
            System::Call 'advapi32::CloseServiceHandle(p r1)'
        ${EndIf}
        System::Call 'advapi32::CloseServiceHandle(p r0)'
    ${EndIf}
    StrCpy $0 $3
    Pop $3
    Pop $2
    Pop $1
    Exch $0
FunctionEnd

; Stops the service and waits until it has stored everything; sets WasRunning.
Function ${UN}StopService
    Push $0
    Push $1
    StrCpy $WasRunning 0
    Call ${UN}ServiceState
    Pop $0
    ${If} $0 != 0
    ${AndIf} $0 != ${SERVICE_STOPPED}
        StrCpy $WasRunning 1
        Push '"$SYSDIR\sc.exe" stop logportd'
        Call ${UN}Run
        Pop $0
        ${For} $1 1 ${STOP_TRIES}
            Call ${UN}ServiceState
            Pop $0
            ${If} $0 <= ${SERVICE_STOPPED}
                ${Break}
            ${EndIf}
            Sleep 100
        ${Next}
        ${If} $0 > ${SERVICE_STOPPED}
            Push "The service logportd does not stop; nothing was changed."
            Call ${UN}Fail
        ${EndIf}
    ${EndIf}
    Pop $1
    Pop $0
FunctionEnd

; Fails while a program of logport runs: its file cannot be replaced or deleted.
Function ${UN}CheckNotInUse
    Push $0
    Push $1
    Push $2
    StrCpy $0 "logportd.exe"
    again:
    ${If} ${FileExists} "$INSTDIR\$0"
        StrCpy $2 0
        retry:
        ClearErrors
        FileOpen $1 "$INSTDIR\$0" a
        ${If} ${Errors}
            ; A scanner, or a service that has just stopped, lets go of it within moments.
            ${If} $2 < 50
                IntOp $2 $2 + 1
                Sleep 100
                Goto retry
            ${EndIf}
            MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION "$INSTDIR\$0 is in use. End the program, then retry." \
                /SD IDCANCEL IDRETRY retry
            Call ${UN}StartAgain
            Push "$INSTDIR\$0 is in use: end the program first. Nothing was changed."
            Call ${UN}Fail
        ${EndIf}
        FileClose $1
    ${EndIf}
    ${If} $0 == "logportd.exe"
        StrCpy $0 "logport.exe"
        Goto again
    ${EndIf}
    Pop $2
    Pop $1
    Pop $0
FunctionEnd

; Starts the service if it ran before.
Function ${UN}StartAgain
    Push $0
    ${If} $WasRunning == 1
        Push '"$INSTDIR\logportd.exe" service start'
        Call ${UN}Run
        Pop $0
        ${If} $0 != 0
            StrCpy $ExitCode ${EXIT_SERVICE_FAILED}
        ${EndIf}
    ${EndIf}
    Pop $0
FunctionEnd

; Sets LogFile, and fails without an administrator's rights.
Function ${UN}Begin
    Push $0
    SetShellVarContext all
    StrCpy $ExitCode 0
    ${GetParameters} $0
    ClearErrors
    ${GetOptions} $0 "/LOG=" $LogFile
    ${If} ${Errors}
        StrCpy $LogFile "$TEMP\logport-setup.log"
    ${EndIf}
    ClearErrors
    UserInfo::GetAccountType
    Pop $0
    ${If} $0 != "Admin"
        Push "Only an administrator can install or remove logport."
        Call ${UN}Fail
    ${EndIf}
    Pop $0
FunctionEnd

!macroend

!insertmacro SHARED ""
!insertmacro SHARED "un."

; ---- installing ----

Section "logport" Programs
    SectionIn RO
    Call StopService
    Call RemoveFromOtherFolder
    Call CheckNotInUse
    Push "Installing logport ${VERSION} in $INSTDIR"
    Call Say
    ClearErrors
    SetOverwrite try
    !insertmacro INSTALL_FILES
    SetOutPath "$INSTDIR"
    WriteUninstaller "$INSTDIR\uninstall.exe"
    ${If} ${Errors}
        Push "Writing to $INSTDIR failed; logport is not installed completely."
        Call Fail
    ${EndIf}
    WriteRegStr HKLM "${UNINSTALL_KEY}" "DisplayName" "logport"
    WriteRegStr HKLM "${UNINSTALL_KEY}" "DisplayVersion" "${VERSION}"
    WriteRegStr HKLM "${UNINSTALL_KEY}" "Publisher" "the logport authors"
    WriteRegStr HKLM "${UNINSTALL_KEY}" "DisplayIcon" "$INSTDIR\logport.exe"
    WriteRegStr HKLM "${UNINSTALL_KEY}" "InstallLocation" "$INSTDIR"
    WriteRegStr HKLM "${UNINSTALL_KEY}" "UninstallString" '"$INSTDIR\uninstall.exe"'
    WriteRegStr HKLM "${UNINSTALL_KEY}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
    WriteRegDWORD HKLM "${UNINSTALL_KEY}" "EstimatedSize" ${SIZE_KIB}
    WriteRegDWORD HKLM "${UNINSTALL_KEY}" "NoModify" 1
    WriteRegDWORD HKLM "${UNINSTALL_KEY}" "NoRepair" 1
SectionEnd

Section "Service, started with Windows" Service
    Push $0
    Call ServiceState
    Pop $0
    ${If} $0 == 0
        Push '"$INSTDIR\logportd.exe" service install $ServiceOptions'
        Call Run
        Pop $0
        ${If} $0 == 0
            StrCpy $WasRunning 1 ; start it below
        ${Else}
            StrCpy $ExitCode ${EXIT_SERVICE_FAILED}
        ${EndIf}
    ${EndIf}
    Pop $0
SectionEnd

Section "Entry in PATH" Path
    Push $0
    Push "add"
    Call ChangePath
    Pop $0
    ${If} $0 != 0
        Push "$INSTDIR could not be added to PATH; run the programs with their whole path."
        Call Say
    ${EndIf}
    Pop $0
SectionEnd

; Off by default: by default logportd listens on 127.0.0.1 only.
Section /o "Firewall rule: receive from other machines" Firewall
    Push $0
    Push '"$SYSDIR\netsh.exe" advfirewall firewall delete rule name="${RULE}"'
    Call Run
    Pop $0
    Push '"$SYSDIR\netsh.exe" advfirewall firewall add rule name="${RULE}" dir=in action=allow \
        program="$INSTDIR\logportd.exe" profile=domain,private enable=yes'
    Call Run
    Pop $0
    ${If} $0 != 0
        Push "logport is installed, but the firewall rule could not be added"
        Call Say
        StrCpy $ExitCode ${EXIT_FAILED}
    ${EndIf}
    Pop $0
SectionEnd

; Always last: everything is in its place.
Section "-start"
    Call StartAgain
    ${If} $ExitCode == ${EXIT_SERVICE_FAILED}
        Push "logport is installed, but its service could not be installed or started; see $LogFile"
        Call Say
        MessageBox MB_OK|MB_ICONEXCLAMATION \
            "logport is installed, but its service could not be installed or started.$\r$\nSee $LogFile" /SD IDOK
    ${EndIf}
    ${If} $ExitCode == 0
        Push "logport ${VERSION} is installed"
        Call Say
    ${EndIf}
    SetErrorLevel $ExitCode
SectionEnd

LangString PROGRAMS_TEXT ${LANG_ENGLISH} "logportd receives and stores records, logport reads and searches them. With documents."
LangString SERVICE_TEXT ${LANG_ENGLISH} "Installs logportd as a service and starts it."
LangString PATH_TEXT ${LANG_ENGLISH} "logport and logportd are found in every new console."
LangString FIREWALL_TEXT ${LANG_ENGLISH} "Lets other machines of domain and private networks connect to logportd."
!insertmacro MUI_FUNCTION_DESCRIPTION_BEGIN
!insertmacro MUI_DESCRIPTION_TEXT ${Programs} $(PROGRAMS_TEXT)
!insertmacro MUI_DESCRIPTION_TEXT ${Service} $(SERVICE_TEXT)
!insertmacro MUI_DESCRIPTION_TEXT ${Path} $(PATH_TEXT)
!insertmacro MUI_DESCRIPTION_TEXT ${Firewall} $(FIREWALL_TEXT)
!insertmacro MUI_FUNCTION_DESCRIPTION_END

; /SERVICE=no /PATH=no /FIREWALL=yes /OPTIONS="--tcp 0.0.0.0:5170" /LOG=FILE
Function .onInit
    Push $0
    Push $1
    Call Begin
    ${IfNot} ${AtLeastWin10}
        Push "logport needs Windows 10, Windows Server 2019 or a later version."
        Call Fail
    ${EndIf}
    ${GetParameters} $0
    !macro CHOOSE OPTION SECTION
        ClearErrors
        ${GetOptions} $0 "/${OPTION}=" $1
        ${IfNot} ${Errors}
            ${If} $1 == "no"
                !insertmacro UnselectSection ${SECTION}
            ${ElseIf} $1 == "yes"
                !insertmacro SelectSection ${SECTION}
            ${Else}
                Push "/${OPTION}=$1: yes or no is expected"
                Call Fail
            ${EndIf}
        ${EndIf}
    !macroend
    !insertmacro CHOOSE SERVICE ${Service}
    !insertmacro CHOOSE PATH ${Path}
    !insertmacro CHOOSE FIREWALL ${Firewall}
    ClearErrors
    ${GetOptions} $0 "/OPTIONS=" $ServiceOptions
    StrLen $1 $ServiceOptions
    ${If} $1 > 800
        Push "/OPTIONS= takes 800 characters; write a configuration file instead."
        Call Fail
    ${EndIf}
    ClearErrors
    Pop $1
    Pop $0
FunctionEnd

; An older version in another folder is removed; its data and the choice of a service remain.
Function RemoveFromOtherFolder
    Push $0
    Push $1
    ReadRegStr $0 HKLM "${UNINSTALL_KEY}" "InstallLocation"
    ${If} $0 != ""
    ${AndIf} $0 != $INSTDIR
    ${AndIf} ${FileExists} "$0\uninstall.exe"
        Call ServiceState
        Pop $1
        ${If} $1 != 0
            !insertmacro SelectSection ${Service}
        ${EndIf}
        Push '"$0\uninstall.exe" /S /LOG=$LogFile _?=$0'
        Call Run
        Pop $1
        ${If} $1 != 0
            Push "The older version in $0 could not be removed; nothing was installed."
            Call Fail
        ${EndIf}
        Delete "$0\uninstall.exe"
        RMDir "$0"
    ${EndIf}
    Pop $1
    Pop $0
FunctionEnd

; Input: add or remove on the stack; output: the exit code there.
!macro CHANGE_PATH UN
Function ${UN}ChangePath
    Exch $0
    InitPluginsDir
    File "/oname=$PLUGINSDIR\path_entry.exe" "${PATH_ENTRY}"
    Push '"$PLUGINSDIR\path_entry.exe" $0 "$INSTDIR"'
    Call ${UN}Run
    Pop $0
    ; Programs that Explorer starts from now on have the new PATH.
    SendMessage ${HWND_BROADCAST} ${WM_SETTINGCHANGE} 0 "STR:Environment" /TIMEOUT=2000
    Exch $0
FunctionEnd
!macroend
!insertmacro CHANGE_PATH ""
!insertmacro CHANGE_PATH "un."

; ---- removing ----

Section "un.logport" UnPrograms
    SectionIn RO
    Push $0
    ReadRegStr $0 HKLM "${UNINSTALL_KEY}" "InstallLocation"
    ${IfNot} ${FileExists} "$INSTDIR\logportd.exe"
    ${AndIf} $0 != $INSTDIR
        Push "$INSTDIR: logport is not installed there; nothing was removed."
        Call un.Fail
    ${EndIf}
    Call un.StopService
    Call un.CheckNotInUse
    Call un.ServiceState
    Pop $0
    ${If} $0 != 0
        Push '"$INSTDIR\logportd.exe" service uninstall'
        Call un.Run
        Pop $0
        ${If} $0 != 0
            Push "The service could not be removed; nothing was removed. See $LogFile"
            Call un.Fail
        ${EndIf}
    ${EndIf}
    Push '"$SYSDIR\netsh.exe" advfirewall firewall delete rule name="${RULE}"'
    Call un.Run
    Pop $0
    Push "remove"
    Call un.ChangePath
    Pop $0
    ; Only what was installed: the folder may hold files of others.
    !insertmacro DELETE_FILES
    Delete "$INSTDIR\uninstall.exe"
    SetOutPath "$TEMP"
    RMDir "$INSTDIR"
    DeleteRegKey HKLM "${UNINSTALL_KEY}"
    Push "logport is removed"
    Call un.Say
    Pop $0
SectionEnd

; Off unless asked for, by /PURGE in a silent run.
Section /o "un.Also delete configuration and stored records" UnData
    Push "Deleting $APPDATA\logport"
    Call un.Say
    RMDir /r "$APPDATA\logport"
    ${If} ${FileExists} "$APPDATA\logport\*.*"
        Push "$APPDATA\logport could not be deleted completely"
        Call un.Say
        SetErrorLevel ${EXIT_FAILED}
    ${EndIf}
SectionEnd

LangString UN_PROGRAMS_TEXT ${LANG_ENGLISH} "Programs, service, firewall rule and entry in PATH."
LangString UN_DATA_TEXT ${LANG_ENGLISH} "Everything in ProgramData\logport. It cannot be restored."
!insertmacro MUI_UNFUNCTION_DESCRIPTION_BEGIN
!insertmacro MUI_DESCRIPTION_TEXT ${UnPrograms} $(UN_PROGRAMS_TEXT)
!insertmacro MUI_DESCRIPTION_TEXT ${UnData} $(UN_DATA_TEXT)
!insertmacro MUI_UNFUNCTION_DESCRIPTION_END

Function un.onInit
    Push $0
    Push $1
    Call un.Begin
    ${GetParameters} $0
    ClearErrors
    ${GetOptions} $0 "/PURGE" $1
    ${IfNot} ${Errors}
        !insertmacro SelectSection ${UnData}
    ${EndIf}
    ClearErrors
    Pop $1
    Pop $0
FunctionEnd
