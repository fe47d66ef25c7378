$ErrorActionPreference = 'Stop'

$parameters = Get-PackageParameters
$switches = @('/S')
if ($parameters.ContainsKey('NoService')) { $switches += '/SERVICE=no' }
if ($parameters.ContainsKey('NoPath')) { $switches += '/PATH=no' }
if ($parameters.ContainsKey('Firewall')) { $switches += '/FIREWALL=yes' }

$package = @{
    packageName    = $env:ChocolateyPackageName
    fileType       = 'exe'
    url64bit       = '@INSTALLER_URL@'
    checksum64     = '@SHA256@'
    checksumType64 = 'sha256'
    silentArgs     = $switches -join ' '
    validExitCodes = @(0)
    softwareName   = 'logport'
}
Install-ChocolateyPackage @package
