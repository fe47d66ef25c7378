<#
.SYNOPSIS
Checks on a real Windows what Wine cannot show, and prints one table.

.DESCRIPTION
Every test of logport's Windows build runs under Wine. This script checks the rest with the installed
programs, in a temporary folder. It needs about two minutes. Run it as administrator, so that the
service is checked, too; it is installed and removed again unless there is one already.
For Windows PowerShell 5.1 and PowerShell 7.

Exit status: 0 nothing failed, 1 a check failed, 2 the checks could not begin.

.PARAMETER Programs
The folder with logportd.exe and logport.exe. Default: that of this script, otherwise the installed one.

.PARAMETER Suspend
Also suspends the machine for a minute, to check sleep and resume. Save your work first.

.EXAMPLE
powershell -ExecutionPolicy Bypass -File acceptance.ps1
#>
[CmdletBinding()]
param(
    [string] $Programs,
    [switch] $Suspend
)

Set-StrictMode -Version 2
$ErrorActionPreference = 'Stop'
$Utf8 = New-Object System.Text.UTF8Encoding($false)

# ---- checks and their results ----

$results = New-Object System.Collections.ArrayList
$daemons = New-Object System.Collections.ArrayList

# Runs a check: its last output is what it found; an exception is a failure, one that begins with
# "skipped: " is not.
function Invoke-Check([string] $Name, [scriptblock] $Body) {
    Write-Host ('{0} ...' -f $Name)
    $clock = [Diagnostics.Stopwatch]::StartNew()
    try {
        $found = & $Body | Select-Object -Last 1
        $result = 'ok'
    } catch {
        $found = $_.Exception.Message
        $result = 'FAILED'
        if ($found.StartsWith('skipped: ')) {
            $result = 'skipped'
            $found = $found.Substring(9)
        }
    }
    foreach ($daemon in @($daemons)) { Stop-ProcessOfTest $daemon.Process }
    $daemons.Clear()
    [void] $results.Add((New-Object PSObject -Property @{
        Check = $Name; Result = $result; Seconds = [int] $clock.Elapsed.TotalSeconds; Found = "$found"
    }))
}

function Assert-That([bool] $Condition, [string] $Otherwise) {
    if (-not $Condition) { throw $Otherwise }
}

function Skip-Check([string] $Reason) { throw "skipped: $Reason" }

# Waits until the condition holds, at most so many seconds.
function Wait-Until([scriptblock] $Condition, [string] $What, [int] $Seconds = 30) {
    $clock = [Diagnostics.Stopwatch]::StartNew()
    while (-not (& $Condition)) {
        if ($clock.Elapsed.TotalSeconds -gt $Seconds) { throw "waited $Seconds s in vain until $What" }
        Start-Sleep -Milliseconds 50
    }
}

# ---- programs ----

# As CommandLineToArgvW reads them: 5.1 has no ProcessStartInfo.ArgumentList.
function Join-Words([string[]] $Words) {
    $quoted = foreach ($word in $Words) {
        if ($word -ne '' -and $word -notmatch '[\s"]') { $word; continue }
        '"' + (($word -replace '(\\*)"', '$1$1\"') -replace '(\\+)$', '$1$1') + '"'
    }
    $quoted -join ' '
}

function New-Process([string] $Name, [string[]] $Words) {
    $start = New-Object Diagnostics.ProcessStartInfo
    $start.FileName = Join-Path $Programs "$Name.exe"
    $start.Arguments = Join-Words $Words
    $start.WorkingDirectory = $work
    $start.UseShellExecute = $false
    $start.CreateNoWindow = $true
    $start.RedirectStandardInput = $true
    $start.RedirectStandardOutput = $true
    $start.RedirectStandardError = $true
    $start.StandardOutputEncoding = $Utf8
    $start.StandardErrorEncoding = $Utf8
    [Diagnostics.Process]::Start($start)
}

function Stop-ProcessOfTest($Process) {
    if (-not $Process.HasExited) {
        $Process.Kill()
        [void] $Process.WaitForExit(10000)
    }
}

# Runs logport or logportd to its end: Code, Out, Said.
function Invoke-Program([string] $Name, [string[]] $Words, [string] $Text = '') {
    $process = New-Process $Name $Words
    $out = $process.StandardOutput.ReadToEndAsync()
    $said = $process.StandardError.ReadToEndAsync()
    $bytes = $Utf8.GetBytes($Text)
    try {
        $process.StandardInput.BaseStream.Write($bytes, 0, $bytes.Length)
        $process.StandardInput.Close()
    } catch [IO.IOException] {
        Write-Verbose 'it does not read its input'
    }
    if (-not $process.WaitForExit(120000)) {
        Stop-ProcessOfTest $process
        throw "$Name $($Words -join ' ') does not end"
    }
    New-Object PSObject -Property @{ Code = $process.ExitCode; Out = $out.Result; Said = $said.Result }
}

function Invoke-Reader {
    $result = Invoke-Program 'logport' ([string[]] $args)
    Assert-That ($result.Code -eq 0) "logport $($args -join ' '): exit code $($result.Code): $($result.Said)"
    $result.Out
}

# Starts logportd in a folder of its own and waits until it is ready: Process, Dir, Tcp, Udp (ports).
function Start-Daemon([string[]] $Words, [string] $Dir) {
    if (-not $Dir) { $Dir = Join-Path $work ('logs-' + [guid]::NewGuid().ToString('N').Substring(0, 8)) }
    $process = New-Process 'logportd' ($Words + @('--dir', $Dir))
    $said = New-Object System.Collections.ArrayList
    while ($true) {
        $line = $process.StandardError.ReadLineAsync()
        if (-not $line.Wait(30000)) {
            Stop-ProcessOfTest $process
            throw "logportd is not ready after 30 s: $($said -join ' / ')"
        }
        if ($null -eq $line.Result) { throw "logportd ended: $($said -join ' / ')" }
        [void] $said.Add($line.Result)
        if ($line.Result -match '^logportd: ready ') { break }
    }
    $ports = @{}
    foreach ($kind in 'tcp', 'udp') {
        $ports[$kind] = @([regex]::Matches($line.Result, " $kind=\S+:(\d+)") | ForEach-Object { [int] $_.Groups[1].Value })
    }
    $daemon = New-Object PSObject -Property @{
        Process = $process; Dir = $Dir; Tcp = $ports['tcp']; Udp = $ports['udp']; Rest = $process.StandardError.ReadToEndAsync()
    }
    [void] $daemons.Add($daemon)
    $daemon
}

# Stops it with logport stop; returns its last line, which accounts for every record.
function Stop-Daemon($Daemon) {
    [void] (Invoke-Reader 'stop' '--dir' $Daemon.Dir)
    Assert-That ($Daemon.Process.WaitForExit(60000)) 'logportd does not stop'
    $last = @($Daemon.Rest.Result -split "`r?`n" | Where-Object { $_ -like '{"received":*' })[-1]
    Assert-That ($Daemon.Process.ExitCode -eq 0) "logportd ended with $($Daemon.Process.ExitCode): $last"
    $counters = $last | ConvertFrom-Json
    Assert-That ($counters.in_flight -eq 0) "records are in flight: $last"
    $counters
}

function Get-Status($Daemon) { Invoke-Reader 'status' '--dir' $Daemon.Dir | ConvertFrom-Json }

function Wait-Stored($Daemon, [int] $Count) {
    Wait-Until { (Get-Status $Daemon).stored -ge $Count } "$Count records are stored"
}

function Send-Lines([string] $Address, [int] $Port, [string[]] $Lines) {
    $ip = [Net.IPAddress]::Parse($Address)
    $client = New-Object Net.Sockets.TcpClient($ip.AddressFamily)
    try {
        $client.Connect($ip, $Port)
        $bytes = $Utf8.GetBytes(($Lines -join "`n") + "`n")
        $client.GetStream().Write($bytes, 0, $bytes.Length)
    } finally {
        $client.Close()
    }
}

function Send-Datagram([string] $Address, [int] $Port, [string] $Line) {
    $ip = [Net.IPAddress]::Parse($Address)
    $client = New-Object Net.Sockets.UdpClient($ip.AddressFamily)
    try {
        $bytes = $Utf8.GetBytes($Line)
        [void] $client.Send($bytes, $bytes.Length, (New-Object Net.IPEndPoint($ip, $Port)))
    } finally {
        $client.Close()
    }
}

function New-Lines([int] $Count) {
    foreach ($n in 1..$Count) { '{{"time":"2026-01-01T00:00:00Z","level":"info","n":{0},"msg":"acceptance"}}' -f $n }
}

# A free port, for a listener that is opened twice.
function Get-FreePort {
    $listener = New-Object Net.Sockets.TcpListener([Net.IPAddress]::Loopback, 0)
    $listener.Start()
    try { $listener.LocalEndpoint.Port } finally { $listener.Stop() }
}

function Test-Administrator {
    $user = New-Object Security.Principal.WindowsPrincipal([Security.Principal.WindowsIdentity]::GetCurrent())
    $user.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)
}

# ---- calls of Windows ----

$native = @'
using System;
using System.ComponentModel;
using System.Runtime.InteropServices;

public static class Acceptance {
    [DllImport("kernel32", CharSet = CharSet.Unicode, SetLastError = true)]
    static extern IntPtr CreateFileW(string name, uint access, uint share, IntPtr security, uint how, uint flags, IntPtr template);
    [DllImport("kernel32", SetLastError = true)]
    static extern bool WriteFile(IntPtr file, IntPtr bytes, uint size, IntPtr written, IntPtr overlapped);
    [DllImport("kernel32", SetLastError = true)]
    static extern bool GetOverlappedResult(IntPtr file, IntPtr overlapped, out uint bytes, bool wait);
    [DllImport("kernel32")]
    static extern bool CloseHandle(IntPtr handle);
    [DllImport("kernel32", SetLastError = true)]
    static extern IntPtr CreateEventW(IntPtr security, bool manual, bool set, IntPtr name);
    [DllImport("kernel32", SetLastError = true)]
    static extern IntPtr CreateWaitableTimerW(IntPtr security, bool manual, IntPtr name);
    [DllImport("kernel32", SetLastError = true)]
    static extern bool SetWaitableTimer(IntPtr timer, ref long due, int period, IntPtr routine, IntPtr argument, bool resume);
    [DllImport("kernel32")]
    static extern uint WaitForSingleObject(IntPtr handle, uint ms);
    [DllImport("powrprof", SetLastError = true)]
    static extern bool SetSuspendState(bool hibernate, bool force, bool noWakeEvents);

    const uint GenericWrite = 0x40000000, CreateAlways = 2, Overlapped = 0x40000000;
    const int Pending = 997;

    // Overlapped writes that extend a file: how many of them the kernel completes later.
    public static int PendingWrites(string path, int count, int size) {
        IntPtr file = CreateFileW(path, GenericWrite, 0, IntPtr.Zero, CreateAlways, Overlapped, IntPtr.Zero);
        if (file == new IntPtr(-1)) throw new Win32Exception();
        IntPtr bytes = Marshal.AllocHGlobal(size), overlapped = Marshal.AllocHGlobal(32);
        IntPtr done = CreateEventW(IntPtr.Zero, true, false, IntPtr.Zero);
        int pending = 0;
        try {
            for (int i = 0; i < count; i++) {
                Marshal.WriteInt64(overlapped, 0, 0);
                Marshal.WriteInt64(overlapped, 8, 0);
                Marshal.WriteInt64(overlapped, 16, (long)i * size); // Offset, OffsetHigh
                Marshal.WriteIntPtr(overlapped, 24, done);
                if (!WriteFile(file, bytes, (uint)size, IntPtr.Zero, overlapped)) {
                    if (Marshal.GetLastWin32Error() != Pending) throw new Win32Exception();
                    pending++;
                }
                uint written;
                if (!GetOverlappedResult(file, overlapped, out written, true)) throw new Win32Exception();
                if (written != size) throw new Exception("short write: " + written);
            }
        } finally {
            CloseHandle(file);
            CloseHandle(done);
            Marshal.FreeHGlobal(bytes);
            Marshal.FreeHGlobal(overlapped);
        }
        return pending;
    }

    // Suspends the machine; a timer wakes it after so many seconds.
    public static void SuspendFor(int seconds) {
        IntPtr timer = CreateWaitableTimerW(IntPtr.Zero, true, IntPtr.Zero);
        if (timer == IntPtr.Zero) throw new Win32Exception();
        long due = -10000000L * seconds;
        if (!SetWaitableTimer(timer, ref due, 0, IntPtr.Zero, IntPtr.Zero, true)) throw new Win32Exception();
        if (!SetSuspendState(false, false, false)) throw new Win32Exception();
        WaitForSingleObject(timer, 120000);
        CloseHandle(timer);
    }
}
'@

# Runs in a process of its own: a process has one console, and this script needs its own.
$closeConsole = @'
Add-Type -TypeDefinition @"
using System;
using System.Runtime.InteropServices;
public static class Consoles {
    [DllImport("kernel32")] public static extern bool FreeConsole();
    [DllImport("kernel32")] public static extern bool AttachConsole(uint process);
    [DllImport("kernel32")] public static extern IntPtr GetConsoleWindow();
    [DllImport("user32")] public static extern bool PostMessageW(IntPtr window, uint message, IntPtr w, IntPtr l);
}
"@
[void] [Consoles]::FreeConsole()
if (-not [Consoles]::AttachConsole(PROCESS)) { exit 3 }
$window = [Consoles]::GetConsoleWindow()
[void] [Consoles]::FreeConsole()
if ($window -eq [IntPtr]::Zero) { exit 4 }
if (-not [Consoles]::PostMessageW($window, 0x10, [IntPtr]::Zero, [IntPtr]::Zero)) { exit 5 }
'@

# ---- begin ----

if (-not $Programs) {
    $candidates = @($PSScriptRoot, (Join-Path $env:ProgramFiles 'logport'))
    $Programs = $candidates | Where-Object { Test-Path (Join-Path $_ 'logportd.exe') } | Select-Object -First 1
}
if (-not $Programs -or -not (Test-Path (Join-Path $Programs 'logportd.exe'))) {
    Write-Host 'acceptance.ps1: logportd.exe was not found: name its folder with -Programs'
    exit 2
}
$Programs = (Resolve-Path $Programs).ProviderPath
$work = Join-Path ([IO.Path]::GetTempPath()) ('logport-acceptance-' + [guid]::NewGuid().ToString('N').Substring(0, 8))
[void] (New-Item -ItemType Directory -Path $work)
Add-Type -TypeDefinition $native

# ---- files ----

Invoke-Check 'A file that is open is renamed and replaced' {
    $daemon = Start-Daemon @('--tcp', '127.0.0.1:0')
    Send-Lines '127.0.0.1' $daemon.Tcp[0] (New-Lines 100)
    Wait-Stored $daemon 100
    $live = @(Get-ChildItem (Join-Path $daemon.Dir 'main') -Filter '*.part.ndjson.lz4')[0].FullName
    $share = [IO.FileShare]::ReadWrite -bor [IO.FileShare]::Delete
    $reader = New-Object IO.FileStream($live, [IO.FileMode]::Open, [IO.FileAccess]::Read, $share)
    try {
        [void] (Invoke-Reader 'rotate' '--dir' $daemon.Dir)
        $closed = $live -replace '\.part\.', '.'
        Wait-Until { Test-Path $closed } 'the segment has its final name'
        [void] (Stop-Daemon $daemon)
        # Re-packing replaces the closed segment while it is open.
        $before = (Get-Item $closed).Length
        [void] (Invoke-Reader 'archive' $daemon.Dir)
        Assert-That ($reader.ReadByte() -ge 0) 'the open file cannot be read any more'
    } finally {
        $reader.Close()
    }
    [void] (Invoke-Reader 'verify' $daemon.Dir)
    'renamed, and replaced ({0} to {1} bytes), while it was read' -f $before, (Get-Item $closed).Length
}

Invoke-Check 'Writes that the kernel completes later' {
    $path = Join-Path $work 'pending'
    $pending = [Acceptance]::PendingWrites($path, 200, 65536)
    Remove-Item $path
    $daemon = Start-Daemon @('--tcp', '127.0.0.1:0', '--sync-ms', '100')
    $file = Join-Path $work 'lines'
    [IO.File]::WriteAllLines($file, [string[]] (New-Lines 20000), $Utf8)
    foreach ($i in 1..10) { [void] (Invoke-Reader 'send' "127.0.0.1:$($daemon.Tcp[0])" $file) }
    $counters = Stop-Daemon $daemon
    Assert-That ($counters.stored -eq 200000) "$($counters.stored) of 200000 records are stored"
    [void] (Invoke-Reader 'verify' $daemon.Dir)
    "$pending of 200 writes were pending on this volume; 200,000 records were stored"
}

Invoke-Check 'Indexing is in background mode' {
    $daemon = Start-Daemon @('--tcp', '127.0.0.1:0')
    $daemon.Process.Refresh()
    $threads = @($daemon.Process.Threads | ForEach-Object { $_.BasePriority })
    [void] (Stop-Daemon $daemon)
    Assert-That ($threads -contains 4) "no thread has the priority 4: $($threads -join ' ')"
    'priorities of threads: {0}' -f (($threads | Sort-Object) -join ' ')
}

Invoke-Check 'Time zones by name' {
    $file = Join-Path $work 'zones.ndjson'
    [IO.File]::WriteAllLines($file, [string[]] @('{"time":"1975-07-01T12:00:00Z"}', '{"time":"2026-07-01T12:00:00Z"}'), $Utf8)
    $shown = Invoke-Reader 'cat' '--tz' 'Europe/Berlin' '-o' 'pretty' $file
    Assert-That ($shown -match '2026-07-01T14:00:00') "Europe/Berlin in 2026 is wrong: $shown"
    if ($shown -match '1975-07-01T13:00:00') { 'from ICU, with their history' } else { 'from the registry, without history' }
}

Invoke-Check 'Long paths' {
    $dir = $work
    while ($dir.Length -lt 320) { $dir = Join-Path $dir ('long' * 12) }
    $daemon = Start-Daemon @('--tcp', '127.0.0.1:0') $dir
    Send-Lines '127.0.0.1' $daemon.Tcp[0] (New-Lines 10)
    Wait-Stored $daemon 10
    $lines = @((Invoke-Reader 'cat' $dir) -split "`n" | Where-Object { $_ })
    [void] (Stop-Daemon $daemon)
    Assert-That ($lines.Count -eq 10) "$($lines.Count) of 10 records were read"
    "a path of $($dir.Length) characters"
}

Invoke-Check 'Arguments in any script' {
    $word = -join ([char[]] (0x67, 0x72, 0xF6, 0xDF, 0x65, 0x20, 0x65E5, 0x672C))
    $daemon = Start-Daemon @('--tcp', '127.0.0.1:0') (Join-Path $work $word)
    Send-Lines '127.0.0.1' $daemon.Tcp[0] @(('{"msg":"' + $word + '"}'), '{"msg":"other"}')
    Wait-Stored $daemon 2
    $count = (Invoke-Reader 'search' '-c' $word (Join-Path $work $word)).Trim()
    [void] (Stop-Daemon $daemon)
    Assert-That ($count -eq '1') "found $count times, not once"
    'code page {0}' -f [Text.Encoding]::Default.CodePage
}

# ---- sockets ----

Invoke-Check 'One listener for IPv4 and IPv6' {
    $daemon = Start-Daemon @('--tcp', '[::]:0', '--udp', '[::]:0')
    foreach ($address in '127.0.0.1', '::1') {
        Send-Lines $address $daemon.Tcp[0] @('{"over":"tcp"}')
        Send-Datagram $address $daemon.Udp[0] '{"over":"udp"}'
    }
    Wait-Stored $daemon 4
    $counters = Stop-Daemon $daemon
    'TCP and UDP over both; {0} stored' -f $counters.stored
}

Invoke-Check 'A burst of connections' {
    $count = 2000
    $daemon = Start-Daemon @('--tcp', '127.0.0.1:0')
    $clock = [Diagnostics.Stopwatch]::StartNew()
    $pairs = foreach ($n in 1..$count) {
        $client = New-Object Net.Sockets.TcpClient
        New-Object PSObject -Property @{ Client = $client; Connect = $client.ConnectAsync('127.0.0.1', $daemon.Tcp[0]) }
    }
    $refused = 0
    foreach ($pair in $pairs) {
        try {
            Assert-That ($pair.Connect.Wait(60000)) 'a connection was not accepted within 60 s'
            $bytes = $Utf8.GetBytes("{`"n`":1}`n")
            $pair.Client.GetStream().Write($bytes, 0, $bytes.Length)
        } catch [AggregateException] {
            $refused++
        }
    }
    $seconds = $clock.Elapsed.TotalSeconds
    foreach ($pair in $pairs) { $pair.Client.Close() }
    Assert-That ($refused -eq 0) "$refused of $count connections were refused"
    Wait-Stored $daemon $count
    [void] (Stop-Daemon $daemon)
    '{0} connections in {1:n1} s, none refused' -f $count, $seconds
}

# As newline says, so that joined datagrams which are not separated again are one record that is wrong.
Invoke-Check 'Datagrams that Windows joins' {
    $daemon = Start-Daemon @('--udp', '127.0.0.1:0', '--protocol', 'newline')
    $line = '{"level":"info","msg":"' + ('x' * 39) + '"}'
    $client = New-Object Net.Sockets.Socket([Net.Sockets.AddressFamily]::InterNetwork, [Net.Sockets.SocketType]::Dgram, [Net.Sockets.ProtocolType]::Udp)
    try {
        $segment = [Enum]::ToObject([Net.Sockets.SocketOptionName], 2) # UDP_SEND_MSG_SIZE
        try { $client.SetSocketOption([Net.Sockets.SocketOptionLevel]::Udp, $segment, $line.Length) }
        catch { Skip-Check 'this Windows cannot send several datagrams at once' }
        $bytes = $Utf8.GetBytes($line * 100)
        [void] $client.SendTo($bytes, (New-Object Net.IPEndPoint([Net.IPAddress]::Loopback, $daemon.Udp[0])))
    } finally {
        $client.Close()
    }
    Wait-Stored $daemon 100
    $counters = Stop-Daemon $daemon
    Assert-That ($counters.stored -eq 100) "$($counters.stored) records are stored"
    '100 datagrams sent at once are 100 records'
}

Invoke-Check 'No other program takes the port of a listener' {
    $port = Get-FreePort
    $daemon = Start-Daemon @('--tcp', "127.0.0.1:$port", '--udp', "127.0.0.1:$port")
    foreach ($kind in 'Stream', 'Dgram') {
        $protocol = 'Tcp'
        if ($kind -eq 'Dgram') { $protocol = 'Udp' }
        $thief = New-Object Net.Sockets.Socket('InterNetwork', $kind, $protocol)
        try {
            $thief.SetSocketOption('Socket', 'ReuseAddress', $true)
            $taken = $true
            try { $thief.Bind((New-Object Net.IPEndPoint([Net.IPAddress]::Loopback, $port))) } catch { $taken = $false }
        } finally {
            $thief.Close()
        }
        Assert-That (-not $taken) "SO_REUSEADDR takes the port over ($protocol)"
    }
    # Connections that end at the server leave TIME_WAIT; the next daemon has the port at once.
    $open = foreach ($n in 1..20) { New-Object Net.Sockets.TcpClient('127.0.0.1', $port) }
    [void] (Stop-Daemon $daemon)
    foreach ($client in $open) { $client.Close() }
    $again = Start-Daemon @('--tcp', "127.0.0.1:$port")
    Send-Lines '127.0.0.1' $port @('{"n":1}')
    Wait-Stored $again 1
    [void] (Stop-Daemon $again)
    'refused to others, and free again at once after a stop'
}

Invoke-Check 'Unix sockets' {
    $path = Join-Path $work 'logport.sock'
    $daemon = Start-Daemon @('--unix-stream', $path)
    $file = Join-Path $work 'unix-lines'
    [IO.File]::WriteAllLines($file, [string[]] (New-Lines 50), $Utf8)
    [void] (Invoke-Reader 'send' '--unix' $path $file)
    Wait-Stored $daemon 50
    [void] (Stop-Daemon $daemon)
    Assert-That (-not (Test-Path $path)) 'the file of the socket is still there'
    '50 records'
}

# ---- console and power ----

Invoke-Check 'Closing the console stores everything' {
    $dir = Join-Path $work 'console'
    $port = Get-FreePort
    # conhost.exe: a window of its own, also where Windows Terminal is the default.
    $start = New-Object Diagnostics.ProcessStartInfo (Join-Path $env:SystemRoot 'System32\conhost.exe')
    $start.Arguments = Join-Words @((Join-Path $Programs 'logportd.exe'), '--dir', $dir, '--tcp', "127.0.0.1:$port", '--flush-ms', '10000')
    $start.UseShellExecute = $true
    $console = [Diagnostics.Process]::Start($start)
    try {
        Wait-Until { Test-Path (Join-Path $dir 'logportd.run') } 'logportd runs'
        Wait-Until { (Invoke-Program 'logport' @('status', '--dir', $dir)).Code -eq 0 } 'logportd answers'
        $own = @(Get-CimInstance Win32_Process -Filter "Name = 'logportd.exe' AND ParentProcessId = $($console.Id)")[0]
        $daemon = Get-Process -Id $own.ProcessId
        Send-Lines '127.0.0.1' $port (New-Lines 1000)
        Wait-Until { (Invoke-Reader 'status' '--dir' $dir | ConvertFrom-Json).received -ge 1000 } 'the lines are received'
        $text = [Convert]::ToBase64String([Text.Encoding]::Unicode.GetBytes($closeConsole.Replace('PROCESS', "$($daemon.Id)")))
        $closer = Start-Process powershell -ArgumentList '-NoProfile', '-EncodedCommand', $text -PassThru -Wait -WindowStyle Hidden
        Assert-That ($closer.ExitCode -eq 0) "the console could not be closed: $($closer.ExitCode)"
        Assert-That ($daemon.WaitForExit(30000)) 'logportd does not end'
    } finally {
        Stop-ProcessOfTest $console
    }
    $lines = @((Invoke-Reader 'cat' $dir) -split "`n" | Where-Object { $_ })
    Assert-That ($lines.Count -eq 1000) "$($lines.Count) of 1000 records are stored"
    $unfinished = @(Get-ChildItem (Join-Path $dir 'main') -Filter '*.part.*')
    Assert-That ($unfinished.Count -eq 0) 'the segment was not closed'
    '1,000 records, the segment is closed'
}

Invoke-Check 'Sleep and resume' {
    if (-not $Suspend) { Skip-Check 'only with -Suspend' }
    $daemon = Start-Daemon @('--tcp', '127.0.0.1:0', '--udp', '127.0.0.1:0')
    $client = New-Object Net.Sockets.TcpClient('127.0.0.1', $daemon.Tcp[0])
    $bytes = $Utf8.GetBytes("{`"n`":1}`n")
    $client.GetStream().Write($bytes, 0, $bytes.Length)
    Wait-Stored $daemon 1
    $begin = Get-Date
    [Acceptance]::SuspendFor(60)
    $slept = ((Get-Date) - $begin).TotalSeconds
    $client.GetStream().Write($bytes, 0, $bytes.Length)
    Send-Lines '127.0.0.1' $daemon.Tcp[0] @('{"n":2}')
    Send-Datagram '127.0.0.1' $daemon.Udp[0] '{"n":3}'
    Wait-Stored $daemon 4
    $client.Close()
    [void] (Stop-Daemon $daemon)
    '{0:n0} s; old connection, new connection and datagram received' -f $slept
}

# ---- the service ----

Invoke-Check 'Service: account, access, Event Log, stop' {
    if (-not (Test-Administrator)) { Skip-Check 'only an administrator can install a service' }
    if (Get-Service -Name 'logportd' -ErrorAction SilentlyContinue) { Skip-Check 'the service is installed already' }
    $home_ = Join-Path $env:ProgramData 'logport'
    if (Test-Path $home_) { Skip-Check "$home_ exists already" }
    $port = Get-FreePort
    $begin = (Get-Date).AddSeconds(-2)
    $result = Invoke-Program 'logportd' @('service', 'install', '--tcp', "127.0.0.1:$port", '--udp', "127.0.0.1:$port")
    Assert-That ($result.Code -eq 0) "service install: $($result.Said)"
    try {
        $result = Invoke-Program 'logportd' @('service', 'start')
        Assert-That ($result.Code -eq 0) "service start: $($result.Said)"
        $service = Get-CimInstance Win32_Service -Filter "Name = 'logportd'"
        Assert-That ($service.StartName -eq 'NT SERVICE\logportd') "the account is $($service.StartName)"
        $process = Get-CimInstance Win32_Process -Filter "ProcessId = $($service.ProcessId)"
        $owner = Invoke-CimMethod -InputObject $process -MethodName GetOwner
        Assert-That ($owner.User -eq 'logportd') "the process runs as $($owner.Domain)\$($owner.User)"

        $access = (Get-Acl $home_).Access
        $allowed = @($access | Where-Object { $_.AccessControlType -eq 'Allow' } | ForEach-Object {
            $_.IdentityReference.Translate([Security.Principal.SecurityIdentifier]).Value
        } | Sort-Object -Unique)
        $expected = @('S-1-5-18', 'S-1-5-32-544') # SYSTEM, Administrators
        foreach ($sid in $allowed) {
            Assert-That (($expected -contains $sid) -or $sid.StartsWith('S-1-5-80-')) "$sid has access to $home_"
        }
        Assert-That (@($expected | Where-Object { $allowed -notcontains $_ }).Count -eq 0) "access to ${home_}: $($allowed -join ', ')"

        Send-Lines '127.0.0.1' $port (New-Lines 1000)
        Send-Datagram '127.0.0.1' $port '{"over":"udp"}'
        $logs = Join-Path $home_ 'logs'
        Wait-Until { (Invoke-Reader 'status' '--dir' $logs | ConvertFrom-Json).stored -ge 1001 } 'the records are stored'
        [void] (Invoke-Reader 'reload' '--dir' $logs)
        $result = Invoke-Program 'logportd' @('service', 'stop')
        Assert-That ($result.Code -eq 0) "service stop: $($result.Said)"
        $service = Get-CimInstance Win32_Service -Filter "Name = 'logportd'"
        Assert-That ($service.ExitCode -eq 0) "the service ended with $($service.ExitCode)"
        [void] (Invoke-Reader 'verify' $logs)

        $events = @(Get-WinEvent -FilterHashtable @{ LogName = 'Application'; ProviderName = 'logportd'; StartTime = $begin })
        $ready = @($events | Where-Object { $_.Message -match 'ready tcp=' })
        Assert-That ($ready.Count -gt 0) "none of $($events.Count) events in the Event Log says that it is ready"
        Assert-That ($ready[0].LevelDisplayName -ne '') 'the event has no level'
    } finally {
        $result = Invoke-Program 'logportd' @('service', 'uninstall', '--purge')
    }
    Assert-That ($result.Code -eq 0) "service uninstall: $($result.Said)"
    Assert-That (-not (Test-Path $home_)) "$home_ is still there"
    '{0}; {1} events; access for Administrators, SYSTEM and the service' -f $service.StartName, $events.Count
}

Invoke-Check 'Version' {
    $file = (Get-Item (Join-Path $Programs 'logportd.exe')).VersionInfo.ProductVersion
    $said = (Invoke-Program 'logportd' @('--version')).Out
    Assert-That ($said.StartsWith("logportd $file")) "the file says $file, the program $said"
    $file
}

# ---- the table ----

Remove-Item -LiteralPath ('\\?\' + $work) -Recurse -Force -ErrorAction SilentlyContinue
$system = Get-CimInstance Win32_OperatingSystem
Write-Host ''
Write-Host ('{0} {1}, PowerShell {2}' -f $system.Caption, $system.Version, $PSVersionTable.PSVersion)
$results | Format-Table -Property 'Result', 'Seconds', 'Check', 'Found' -AutoSize -Wrap | Out-String -Width 160 | Write-Host
$failed = @($results | Where-Object { $_.Result -eq 'FAILED' }).Count
$skipped = @($results | Where-Object { $_.Result -eq 'skipped' }).Count
Write-Host ('{0} checks, {1} failed, {2} skipped' -f $results.Count, $failed, $skipped)
if ($failed -gt 0) { exit 1 }
exit 0
