$ErrorActionPreference = 'Stop'

$keys = @(Get-UninstallRegistryKey -SoftwareName 'logport')
if ($keys.Count -eq 0) {
    Write-Warning 'logport is not installed any more.'
    return
}
$folder = $keys[0].InstallLocation
# With _?= the uninstaller does not start a copy of itself, so that its exit code is known.
$switches = '/S'
if ((Get-PackageParameters).ContainsKey('Purge')) { $switches += ' /PURGE' }
$package = @{
    packageName    = $env:ChocolateyPackageName
    fileType       = 'exe'
    file           = Join-Path $folder 'uninstall.exe'
    silentArgs     = "$switches _?=$folder"
    validExitCodes = @(0)
}
Uninstall-ChocolateyPackage @package
Remove-Item -Path (Join-Path $folder 'uninstall.exe') -ErrorAction SilentlyContinue
Remove-Item -Path $folder -ErrorAction SilentlyContinue
